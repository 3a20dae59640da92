package fogbed;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.OutputFileConfig;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Real taxi rides, each with its nearest landmark: rides, parse, nearest, results.
 *
 * <p>See design.md section 7 and {@link JobArguments}. {@code results} is two operators, the count
 * of arrivals and the sink behind it; they always share a thread.
 */
public final class NearestLandmarkJob {

    private final JobArguments arguments;
    private final PreparedRides rides;
    private final Landmarks landmarks;

    NearestLandmarkJob(JobArguments arguments) throws Exception {
        this.arguments = arguments;
        rides = arguments.rides();
        landmarks = arguments.landmarks();
    }

    /** Submits the job. */
    public static void main(String[] arguments) throws Exception {
        NearestLandmarkJob job = new NearestLandmarkJob(new JobArguments(arguments));
        job.submit(new FindNearest(job.landmarks));
    }

    /** Submits the pipeline around {@code nearest}. */
    void submit(MapFunction<Ride, Answer> nearest) throws Exception {
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(configuration());
        env.getConfig().setGlobalJobParameters(arguments.parameters());
        DataStream<RideLine> lines = rides(env);
        DataStream<Ride> parsed =
                place("parse", edge(lines).flatMap(new ParseRides(rides)).returns(FlatType.RIDE));
        DataStream<Answer> answers =
                place("nearest", edge(parsed).map(nearest).returns(FlatType.ANSWER));
        CountArrivals count = new CountArrivals();
        sink(place("results", edge(answers).map(count).returns(FlatType.ANSWER)));
        env.execute(arguments.name());
    }

    private Configuration configuration() {
        Configuration configuration = new Configuration();
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(PipelineOptions.GENERIC_TYPES, false);
        configuration.set(PipelineOptions.AUTO_GENERATE_UIDS, false);
        configuration.set(PipelineOptions.MAX_PARALLELISM, arguments.maxParallelism());
        configuration.set(
                ExecutionOptions.BUFFER_TIMEOUT, Duration.ofMillis(arguments.bufferTimeoutMs()));
        if (arguments.checkpointIntervalMs() > 0) {
            configuration.set(
                    CheckpointingOptions.CHECKPOINTING_INTERVAL,
                    Duration.ofMillis(arguments.checkpointIntervalMs()));
            configuration.set(
                    CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE,
                    CheckpointingMode.EXACTLY_ONCE);
        }
        return configuration;
    }

    private DataStream<RideLine> rides(StreamExecutionEnvironment env) {
        RidesSource source =
                new RidesSource(
                        rides, arguments.schedule(rides), arguments.isLooped(), arguments.splits());
        return settle(
                "rides",
                env.fromSource(source, WatermarkStrategy.noWatermarks(), "rides", FlatType.LINE));
    }

    // Rides are dealt out evenly also after a rescale of one side. Chained operators have no edge.
    private <T> DataStream<T> edge(DataStream<T> stream) {
        return arguments.isChained() ? stream : stream.rebalance();
    }

    private <T> SingleOutputStreamOperator<T> place(
            String name, SingleOutputStreamOperator<T> operator) {
        return settle(name, arguments.isChained() ? operator : operator.startNewChain());
    }

    private <T> SingleOutputStreamOperator<T> settle(
            String name, SingleOutputStreamOperator<T> operator) {
        operator.name(name).uid(name).setParallelism(arguments.parallelism(name));
        SlotRequest slot = arguments.slot(name);
        return slot == null ? operator : operator.slotSharingGroup(slot.group(name));
    }

    private void sink(DataStream<Answer> answers) {
        DataStreamSink<Answer> sink =
                switch (arguments.sink()) {
                    case "files" -> answers.sinkTo(files());
                    case "print" -> answers.sinkTo(new PrintAnswers(landmarks));
                    default -> answers.sinkTo(new DiscardingSink<>());
                };
        sink.name("results").uid("results-sink").setParallelism(arguments.parallelism("results"));
    }

    private FileSink<Answer> files() {
        return FileSink.forRowFormat(new Path(arguments.output()), new AnswerEncoder(landmarks))
                .withBucketAssigner(new BasePathBucketAssigner<>())
                .withRollingPolicy(OnCheckpointRollingPolicy.build())
                .withOutputFileConfig(
                        OutputFileConfig.builder()
                                .withPartPrefix("answers")
                                .withPartSuffix(".csv")
                                .build())
                .build();
    }
}
