package fogbed;

import java.util.List;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Replays a prepared rides file by a schedule, once or in laps.
 *
 * <p>Ride i goes to split i mod n with n fixed at submission, so all subtasks replay the same
 * stretch of time. The schedule's origin and each split's position are in the checkpoints: after a
 * failure or a rescale the source is behind its schedule and catches up.
 */
final class RidesSource implements Source<RideLine, RidesSplit, List<RidesSplit>> {

    private static final long serialVersionUID = 1;

    private final PreparedRides rides;
    private final Schedule schedule;
    private final boolean loop;
    private final int splits;

    RidesSource(PreparedRides rides, Schedule schedule, boolean loop, int splits) {
        this.rides = rides;
        this.schedule = schedule;
        this.loop = loop;
        this.splits = splits;
    }

    @Override
    public Boundedness getBoundedness() {
        return loop ? Boundedness.CONTINUOUS_UNBOUNDED : Boundedness.BOUNDED;
    }

    @Override
    public SplitEnumerator<RidesSplit, List<RidesSplit>> createEnumerator(
            SplitEnumeratorContext<RidesSplit> context) {
        return RidesEnumerator.starting(context, splits);
    }

    @Override
    public SplitEnumerator<RidesSplit, List<RidesSplit>> restoreEnumerator(
            SplitEnumeratorContext<RidesSplit> context, List<RidesSplit> pending) {
        return RidesEnumerator.restored(context, pending);
    }

    @Override
    public SourceReader<RideLine, RidesSplit> createReader(SourceReaderContext context) {
        return new RidesReader(context.metricGroup(), rides, schedule, loop);
    }

    @Override
    public SimpleVersionedSerializer<RidesSplit> getSplitSerializer() {
        return RidesSplitSerializer.INSTANCE;
    }

    @Override
    public SimpleVersionedSerializer<List<RidesSplit>> getEnumeratorCheckpointSerializer() {
        return new PendingSplitsSerializer();
    }
}
