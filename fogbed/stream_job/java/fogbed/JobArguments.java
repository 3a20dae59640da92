package fogbed;

import java.io.IOException;
import org.apache.flink.core.fs.Path;
import org.apache.flink.util.ParameterTool;

/** The program's arguments, checked; keys it does not know are only passed on as parameters. */
final class JobArguments {

    private static final String[] SCHEDULES = {"rate", "steps", "speedup", "unlimited"};

    private final ParameterTool given;

    JobArguments(String[] arguments) {
        given = ParameterTool.fromArgs(arguments);
        if (maxParallelism() < 1 || splits() < 1) {
            throw new IllegalArgumentException("--max-parallelism and --splits must be 1 or more");
        }
    }

    ParameterTool parameters() {
        return given;
    }

    String name() {
        return given.get("name", "nearest-landmark");
    }

    PreparedRides rides() throws IOException {
        return PreparedRides.of(
                new Path(given.getRequired("rides")),
                new Path(given.getRequired("index")),
                Long.parseLong(given.getRequired("rides-count")));
    }

    Landmarks landmarks() throws IOException {
        return Landmarks.load(new Path(given.getRequired("landmarks")));
    }

    int parallelism(String operator) {
        return given.getInt("parallelism." + operator, 1);
    }

    int maxParallelism() {
        return given.getInt("max-parallelism", 128);
    }

    int splits() {
        return given.getInt("splits", maxParallelism());
    }

    boolean isChained() {
        return given.getBoolean("chaining", false);
    }

    String sink() {
        return oneOf("sink", "discard", "discard", "files", "print");
    }

    String output() {
        return given.getRequired("output");
    }

    boolean isLooped() {
        return given.getBoolean("loop", false);
    }

    long bufferTimeoutMs() {
        return given.getLong("buffer-timeout-ms", 5);
    }

    /** Milliseconds between checkpoints; 0 for none. */
    long checkpointIntervalMs() {
        return given.getLong("checkpoint-interval-ms", 1000);
    }

    /** Where an operator is placed, or null. */
    SlotRequest slot(String operator) {
        String key = "slot." + operator;
        return given.has(key) ? new SlotRequest("--" + key, given.get(key)) : null;
    }

    /** The schedule; exactly one of rate, steps, speedup and unlimited is given. */
    Schedule schedule(PreparedRides rides) {
        String chosen = null;
        for (String key : SCHEDULES) {
            if (given.has(key) && !given.get(key).equals("false")) {
                if (chosen != null) {
                    throw new IllegalArgumentException("--" + chosen + " and --" + key + ": one only");
                }
                chosen = key;
            }
        }
        if (chosen == null) {
            throw new IllegalArgumentException("--rate, --steps, --speedup or --unlimited is missing");
        }
        return switch (chosen) {
            case "rate" -> Schedule.steps(new double[][] {{0, positive("rate")}});
            case "steps" -> Schedule.steps(steps(given.get("steps")));
            case "speedup" -> Schedule.speedup(positive("speedup"), rides);
            default -> Schedule.unlimited();
        };
    }

    private double positive(String key) {
        double value = given.getDouble(key);
        if (!(value > 0)) {
            throw new IllegalArgumentException("--" + key + " must be more than 0");
        }
        return value;
    }

    // "0:1000,60:4000": seconds and rides/s
    private static double[][] steps(String text) {
        String[] parts = text.split(",");
        double[][] steps = new double[parts.length][];
        for (int i = 0; i < parts.length; i++) {
            String[] sides = parts[i].split(":");
            if (sides.length != 2) {
                throw new IllegalArgumentException("--steps: " + parts[i] + " is not SECONDS:RATE");
            }
            steps[i] = new double[] {Double.parseDouble(sides[0]), Double.parseDouble(sides[1])};
            if (!(steps[i][0] >= 0 && steps[i][1] >= 0)
                    || (i > 0 && steps[i][0] <= steps[i - 1][0])) {
                throw new IllegalArgumentException("--steps: times must rise and rates be 0 or more");
            }
        }
        return steps;
    }

    private String oneOf(String key, String fallback, String... allowed) {
        String value = given.get(key, fallback);
        for (String known : allowed) {
            if (known.equals(value)) {
                return value;
            }
        }
        throw new IllegalArgumentException(
                "--" + key + " " + value + ": must be one of " + String.join(", ", allowed));
    }
}
