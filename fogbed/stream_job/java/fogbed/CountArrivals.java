package fogbed;

import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;

/**
 * Operator {@code results}: counts what arrives and how late, in front of whichever sink.
 *
 * <p>The time of the last arrival is part of the state, so that the silence of a rescale is known
 * exactly by the job that comes after it: the metrics of the one before are gone by then.
 */
final class CountArrivals extends RichMapFunction<Answer, Answer> implements CheckpointedFunction {

    private static final long serialVersionUID = 1;

    private transient ListState<Long> lastArrivals;
    private transient Counter ridesIn;
    private transient Counter[] latencies;
    // written by the task's thread alone; the gauges' thread sees them within its next look
    private transient long latencySumMicros;
    private transient long firstMicros;
    private transient long lastMicros;
    private transient long restoredMicros;
    private transient long longestGapMicros;

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        lastArrivals =
                context.getOperatorStateStore()
                        .getUnionListState(new ListStateDescriptor<>("lastArrival", Types.LONG));
        for (long restored : lastArrivals.get()) {
            restoredMicros = Math.max(restoredMicros, restored);
        }
        lastMicros = restoredMicros;
    }

    @Override
    public void open(OpenContext context) {
        MetricGroup metrics = getRuntimeContext().getMetricGroup();
        ridesIn = metrics.counter("ridesIn");
        String[] names = LatencyBuckets.names();
        latencies = new Counter[names.length];
        for (int i = 0; i < names.length; i++) {
            latencies[i] = metrics.counter(names[i]);
        }
        metrics.gauge("latencySumMs", (Gauge<Double>) () -> latencySumMicros / 1e3);
        metrics.gauge("firstArrivalMs", (Gauge<Long>) () -> firstMicros / 1000);
        metrics.gauge(
                "lastArrivalMs", (Gauge<Long>) () -> firstMicros == 0 ? 0 : lastMicros / 1000);
        metrics.gauge("restoredArrivalMs", (Gauge<Long>) () -> restoredMicros / 1000);
        metrics.gauge("longestGapMs", (Gauge<Double>) () -> longestGapMicros / 1e3);
    }

    @Override
    public Answer map(Answer answer) {
        long now = EpochMicros.now();
        long latency = now - answer.replayMicros;
        ridesIn.inc();
        latencies[LatencyBuckets.index(latency)].inc();
        latencySumMicros += latency;
        if (firstMicros == 0) {
            firstMicros = now;
        }
        if (lastMicros > 0 && now - lastMicros > longestGapMicros) {
            longestGapMicros = now - lastMicros;
        }
        lastMicros = now;
        return answer;
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        lastArrivals.update(List.of(lastMicros));
    }
}
