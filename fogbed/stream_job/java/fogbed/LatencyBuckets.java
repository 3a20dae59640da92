package fogbed;

import java.util.Arrays;

/**
 * The fixed buckets of the latency histogram, in microseconds.
 *
 * <p>Twenty to a decade from 0.1 ms to 100 s, each upper bound included, and one above all. The same
 * bounds stand in {@code fogbed/stream_job/flink/metrics.py}.
 */
final class LatencyBuckets {

    private static final int PER_DECADE = 20;
    private static final int DECADES = 6;
    private static final double LOWEST_MICROS = 100;
    private static final long[] BOUNDS = bounds();

    private LatencyBuckets() {}

    /** Upper bounds without the last bucket's, which has none. */
    static long[] bounds() {
        long[] bounds = new long[PER_DECADE * DECADES + 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = Math.round(LOWEST_MICROS * StrictMath.pow(10, i / (double) PER_DECADE));
        }
        return bounds;
    }

    /** The bucket that a latency falls into; those below zero (clocks differ) into the first. */
    static int index(long micros) {
        if (micros <= BOUNDS[0]) {
            return 0;
        }
        int found = Arrays.binarySearch(BOUNDS, micros);
        return found >= 0 ? found : -found - 1;
    }

    /** Names of the counters, one for each bucket. */
    static String[] names() {
        String[] names = new String[BOUNDS.length + 1];
        for (int i = 0; i < BOUNDS.length; i++) {
            names[i] = "latency_le_" + BOUNDS[i];
        }
        names[BOUNDS.length] = "latency_le_inf";
        return names;
    }
}
