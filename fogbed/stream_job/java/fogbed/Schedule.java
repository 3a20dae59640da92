package fogbed;

import java.io.IOException;
import java.io.Serializable;

/**
 * When each ride is due, in microseconds after the schedule's origin.
 *
 * <p>A ride's number counts over all laps: ride i of lap k of a file of N rides has number i + k N.
 * The schedule is that of the whole job: each source subtask asks for its own numbers, so a change
 * of parallelism changes nothing here.
 */
abstract class Schedule implements Serializable {

    private static final long serialVersionUID = 1;

    /** When no ride is due any more. */
    static final long NEVER = Long.MAX_VALUE / 4;

    /**
     * When a ride is due.
     *
     * @param number the ride's number
     * @param pickup the seconds since 1970 of its pickup, shifted by its lap; looked at only if
     *     {@link #needsPickup()}
     */
    abstract long due(long number, long pickup);

    /** Reads what {@link #dueBy} needs; called once, in the source, before the first ride. */
    void open(RideLines lines) throws IOException {}

    /** How many rides are due so many microseconds after the origin. */
    abstract long dueBy(long micros);

    /** Whether rides are replayed by their own time. */
    boolean needsPickup() {
        return false;
    }

    /** Whether there is no schedule: every ride is due at once. */
    boolean isUnlimited() {
        return false;
    }

    /** As fast as the job can. */
    static Schedule unlimited() {
        return new Unlimited();
    }

    /** By steps {@code {{seconds, rides/s}, ...}}, the last of which stays; a rate is one step. */
    static Schedule steps(double[][] steps) {
        return new Steps(steps);
    }

    /** At so many times the speed of the rides' own time. */
    static Schedule speedup(double factor, PreparedRides rides) {
        return new Speedup(factor, rides);
    }

    private static final class Unlimited extends Schedule {
        private static final long serialVersionUID = 1;

        @Override
        long due(long number, long pickup) {
            return 0;
        }

        @Override
        long dueBy(long micros) {
            return 0;
        }

        @Override
        boolean isUnlimited() {
            return true;
        }
    }

    private static final class Steps extends Schedule {
        private static final long serialVersionUID = 1;
        private final double[] startMicros;
        private final double[] perMicro;
        private final double[] before; // rides due before the step

        Steps(double[][] steps) {
            startMicros = new double[steps.length];
            perMicro = new double[steps.length];
            before = new double[steps.length];
            for (int i = 0; i < steps.length; i++) {
                startMicros[i] = steps[i][0] * 1e6;
                perMicro[i] = steps[i][1] / 1e6;
                if (i > 0) {
                    before[i] = before[i - 1]
                            + (startMicros[i] - startMicros[i - 1]) * perMicro[i - 1];
                }
            }
        }

        @Override
        long due(long number, long pickup) {
            int i = before.length - 1;
            while (i > 0 && before[i] > number) {
                i--;
            }
            while (perMicro[i] == 0) {
                if (++i == before.length) {
                    return NEVER;
                }
            }
            return (long) (startMicros[i] + Math.max(0, number - before[i]) / perMicro[i]);
        }

        @Override
        long dueBy(long micros) {
            if (micros < startMicros[0]) {
                return 0;
            }
            int i = startMicros.length - 1;
            while (i > 0 && startMicros[i] > micros) {
                i--;
            }
            return (long) (before[i] + (micros - startMicros[i]) * perMicro[i]) + 1;
        }
    }

    private static final class Speedup extends Schedule {
        private static final long serialVersionUID = 1;
        private final double factor;
        private final PreparedRides rides;
        private transient PickupTimes times;

        Speedup(double factor, PreparedRides rides) {
            this.factor = factor;
            this.rides = rides;
        }

        @Override
        void open(RideLines lines) throws IOException {
            times = new PickupTimes(rides, lines);
        }

        @Override
        long due(long number, long pickup) {
            return (long) ((pickup - rides.firstPickup()) * 1e6 / factor);
        }

        @Override
        long dueBy(long micros) {
            return times.ridesBy(micros / 1e6 * factor);
        }

        @Override
        boolean needsPickup() {
            return true;
        }
    }
}
