package fogbed;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.SplitsAssignment;

/**
 * Deals the splits out once, when every reader is there; the schedule begins at that moment.
 *
 * <p>Afterwards they belong to the readers' own state, which Flink deals out anew when the source is
 * rescaled. Only splits of a reader that failed before its first checkpoint come back.
 */
final class RidesEnumerator implements SplitEnumerator<RidesSplit, List<RidesSplit>> {

    private static final long NOT_BEGUN = -1;

    private final SplitEnumeratorContext<RidesSplit> context;
    private final List<RidesSplit> pending;

    private RidesEnumerator(SplitEnumeratorContext<RidesSplit> context, List<RidesSplit> pending) {
        this.context = context;
        this.pending = new ArrayList<>(pending);
    }

    /** An enumerator of a job that starts from the first ride. */
    static RidesEnumerator starting(SplitEnumeratorContext<RidesSplit> context, int splits) {
        List<RidesSplit> all = new ArrayList<>();
        for (int i = 0; i < splits; i++) {
            all.add(new RidesSplit(i, splits, NOT_BEGUN, i));
        }
        return new RidesEnumerator(context, all);
    }

    /** An enumerator as it was at a checkpoint. */
    static RidesEnumerator restored(
            SplitEnumeratorContext<RidesSplit> context, List<RidesSplit> pending) {
        return new RidesEnumerator(context, pending);
    }

    @Override
    public void start() {}

    @Override
    public void addReader(int subtask) {
        if (context.registeredReaders().size() < context.currentParallelism()) {
            return;
        }
        deal();
        for (int reader : context.registeredReaders().keySet()) {
            context.signalNoMoreSplits(reader);
        }
    }

    private void deal() {
        long now = EpochMicros.now();
        Map<Integer, List<RidesSplit>> assignment = new HashMap<>();
        for (RidesSplit split : pending) {
            long origin = split.originMicros == NOT_BEGUN ? now : split.originMicros;
            assignment
                    .computeIfAbsent(
                            split.index % context.currentParallelism(), i -> new ArrayList<>())
                    .add(new RidesSplit(split.index, split.splits, origin, split.next));
        }
        pending.clear();
        if (!assignment.isEmpty()) {
            context.assignSplits(new SplitsAssignment<>(assignment));
        }
    }

    @Override
    public void addSplitsBack(List<RidesSplit> splits, int subtask) {
        pending.addAll(splits);
    }

    @Override
    public void handleSplitRequest(int subtask, String host) {}

    @Override
    public List<RidesSplit> snapshotState(long checkpoint) {
        return new ArrayList<>(pending);
    }

    @Override
    public void close() {}
}
