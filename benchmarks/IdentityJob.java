package fogbed;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.metrics.Counter;

/** The nearest-landmark job without its search: what the rest of the pipeline costs. */
public final class IdentityJob {

    private IdentityJob() {}

    /** Submits the job; the arguments are those of {@link NearestLandmarkJob}. */
    public static void main(String[] arguments) throws Exception {
        new NearestLandmarkJob(new JobArguments(arguments)).submit(new FirstLandmark());
    }

    /** Answers with landmark 0 without looking. Counts and copies what {@link FindNearest} does. */
    private static final class FirstLandmark extends RichMapFunction<Ride, Answer> {

        private static final long serialVersionUID = 1;

        private transient Answer answer;
        private transient Counter ridesIn;
        private transient Counter ridesOut;

        @Override
        public void open(OpenContext context) {
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
            ridesOut.inc();
            return answer;
        }
    }
}
