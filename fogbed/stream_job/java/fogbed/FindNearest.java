package fogbed;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.metrics.Counter;

/** Operator {@code nearest}: the nearest landmark of each ride. */
final class FindNearest extends RichMapFunction<Ride, Answer> {

    private static final long serialVersionUID = 1;

    private final Landmarks landmarks;

    private transient NearestSearch search;
    private transient Answer answer;
    private transient Counter ridesIn;
    private transient Counter ridesOut;

    FindNearest(Landmarks landmarks) {
        this.landmarks = landmarks;
    }

    @Override
    public void open(OpenContext context) {
        search = new NearestSearch(landmarks);
        answer = new Answer();
        ridesIn = getRuntimeContext().getMetricGroup().counter("ridesIn");
        ridesOut = getRuntimeContext().getMetricGroup().counter("ridesOut");
    }

    @Override
    public Answer map(Ride ride) {
        ridesIn.inc();
        answer.number = ride.number;
        answer.replayMicros = ride.replayMicros;
        answer.pickup = ride.pickup;
        search.find(ride.latitude, ride.longitude);
        answer.landmark = search.landmark();
        answer.distanceM = search.distanceM();
        answer.bearing = search.bearing();
        ridesOut.inc();
        return answer;
    }
}
