package fogbed;

import java.io.IOException;

/**
 * The pickup time of every thousandth ride: how many rides are due by a time of theirs.
 *
 * <p>The source reads them whenever it starts, also after a failure or a rescale, and is silent
 * meanwhile: so only the first bytes of those rides are read, by the byte index, and not the file.
 */
final class PickupTimes {

    // an id (at most 19 digits), a time and their commas
    private static final int BEGINNING = 19 + 1 + WallClock.LENGTH + 1;

    private final PreparedRides rides;
    private final long[] times;

    /** Reads them. A ride without a readable time has that before it. */
    PickupTimes(PreparedRides rides, RideLines lines) throws IOException {
        this.rides = rides;
        times = new long[(int) ((rides.count() + PreparedRides.BLOCK - 1) / PreparedRides.BLOCK)];
        RideParser parser = new RideParser();
        byte[] beginning = new byte[BEGINNING];
        long latest = rides.firstPickup();
        for (int i = 0; i < times.length; i++) {
            int size = lines.peek(i, beginning);
            latest = Math.max(latest, parser.pickupTime(beginning, 0, size));
            times[i] = latest;
        }
    }

    /**
     * How many rides, over all laps, were picked up within so many seconds of event time; between
     * two known times by interpolation.
     */
    long ridesBy(double seconds) {
        if (seconds < 0) {
            return 0;
        }
        long span = rides.spanSeconds();
        long lap = (long) (seconds / span);
        double time = rides.firstPickup() + seconds - (double) lap * span;
        int low = 0;
        int high = times.length;
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (times[middle] <= time) {
                low = middle;
            } else {
                high = middle;
            }
        }
        boolean last = high == times.length;
        double width = (last ? rides.firstPickup() + span : times[high]) - times[low];
        long first = (long) low * PreparedRides.BLOCK;
        long size = last ? rides.count() - first : PreparedRides.BLOCK;
        double part = width <= 0 ? 1 : Math.min(1, (time - times[low]) / width);
        return lap * rides.count() + first + (long) (part * size);
    }
}
