package fogbed;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.util.Collector;

/** Operator {@code parse}: lines to rides; a line that cannot be used is counted by its reason. */
final class ParseRides extends RichFlatMapFunction<RideLine, Ride> {

    private static final long serialVersionUID = 1;

    private final long ridesPerLap;
    private final long spanSeconds;

    private transient RideParser parser;
    private transient Ride ride;
    private transient Counter ridesIn;
    private transient Counter ridesOut;
    private transient Counter[] rejected;

    ParseRides(PreparedRides rides) {
        ridesPerLap = rides.count();
        spanSeconds = rides.spanSeconds();
    }

    @Override
    public void open(OpenContext context) {
        parser = new RideParser();
        ride = new Ride();
        MetricGroup metrics = getRuntimeContext().getMetricGroup();
        ridesIn = metrics.counter("ridesIn");
        ridesOut = metrics.counter("ridesOut");
        rejected = new Counter[Reject.values().length];
        for (Reject reason : Reject.values()) {
            rejected[reason.ordinal()] = metrics.counter("rejected_" + reason.text());
        }
    }

    @Override
    public void flatMap(RideLine line, Collector<Ride> out) {
        ridesIn.inc();
        Reject reason = parser.parse(line.bytes, line.start, line.end);
        if (reason != null) {
            rejected[reason.ordinal()].inc();
            return;
        }
        ride.number = line.number;
        ride.replayMicros = line.replayMicros;
        long lap = line.number < ridesPerLap ? 0 : line.number / ridesPerLap;
        ride.pickup = parser.pickup() + lap * spanSeconds;
        ride.latitude = parser.latitude();
        ride.longitude = parser.longitude();
        ridesOut.inc();
        out.collect(ride);
    }
}
