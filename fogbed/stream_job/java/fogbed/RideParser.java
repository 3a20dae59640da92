package fogbed;

/**
 * Reads one line of a prepared rides file, or says why it cannot be used.
 *
 * <p>{@code ride_id,pickup_time,dropoff_time,pickup_lon,pickup_lat,...}: the id comes with the line
 * (looped rides have others than the file), what follows the pickup place is not needed. The rules
 * and the box are those of {@code fogbed/stream_job/rides/reasons.py}.
 */
final class RideParser {

    static final double WEST = -74.30;
    static final double EAST = -73.65;
    static final double SOUTH = 40.45;
    static final double NORTH = 40.95;

    private static final long FIRST_TIME = 1_230_768_000L; // 2009-01-01 00:00:00
    private static final long END_TIME = 1_924_992_000L; // 2031-01-01 00:00:00
    private static final long LONGEST_RIDE_S = 86_400;

    private final WallClock clock = new WallClock();
    private long pickup;
    private double latitude;
    private double longitude;

    /** Parses the line in [from, to); returns null if the ride can be used. */
    Reject parse(byte[] line, int from, int to) {
        int pickupAt = next(line, from, to);
        int dropoffAt;
        int longitudeAt;
        long dropoff;
        int step = WallClock.LENGTH + 1;
        if (pickupAt + 2 * step < to
                && line[pickupAt + step - 1] == ','
                && line[pickupAt + 2 * step - 1] == ','
                && (pickup = clock.parse(line, pickupAt)) != WallClock.BAD
                && (dropoff = clock.parse(line, pickupAt + step)) != WallClock.BAD) {
            longitudeAt = pickupAt + 2 * step;
        } else {
            dropoffAt = next(line, pickupAt, to);
            longitudeAt = next(line, dropoffAt, to);
            pickup = time(line, pickupAt, dropoffAt - 1);
            // no drop-off was recorded: nothing to judge
            dropoff = longitudeAt - 1 == dropoffAt
                    ? pickup
                    : time(line, dropoffAt, longitudeAt - 1);
        }
        int latitudeAt = next(line, longitudeAt, to);
        int end = next(line, latitudeAt, to) - 1;
        longitude = Decimals.parse(line, longitudeAt, Math.max(longitudeAt, latitudeAt - 1));
        latitude = Decimals.parse(line, latitudeAt, Math.max(latitudeAt, end));
        Reject reject = judgePlace();
        return reject == null ? judgeTimes(dropoff) : reject;
    }

    // the position after the next comma, or one after the end as if a comma stood there
    private static int next(byte[] line, int from, int to) {
        int at = from;
        while (at < to && line[at] != ',') {
            at++;
        }
        return Math.min(at, to) + 1;
    }

    private long time(byte[] line, int from, int to) {
        return to - from == WallClock.LENGTH ? clock.parse(line, from) : WallClock.BAD;
    }

    private Reject judgePlace() {
        if (longitude != longitude || latitude != latitude) {
            return Reject.MISSING_COORDINATES;
        }
        if (longitude >= WEST && longitude <= EAST && latitude >= SOUTH && latitude <= NORTH) {
            return null;
        }
        return longitude == 0 && latitude == 0 ? Reject.ZERO_COORDINATES : Reject.OUTSIDE_BOX;
    }

    private Reject judgeTimes(long dropoff) {
        if (pickup == WallClock.BAD || dropoff == WallClock.BAD) {
            return Reject.BAD_TIME;
        }
        if (pickup < FIRST_TIME
                || dropoff < FIRST_TIME
                || pickup >= END_TIME
                || dropoff >= END_TIME
                || dropoff - pickup > LONGEST_RIDE_S) {
            return Reject.IMPOSSIBLE_TIME;
        }
        return dropoff < pickup ? Reject.NEGATIVE_DURATION : null;
    }

    /** The pickup time of the line alone, or {@link WallClock#BAD}. */
    long pickupTime(byte[] line, int from, int to) {
        int at = next(line, from, to);
        return time(line, at, next(line, at, to) - 1);
    }

    /** Seconds since 1970 of the pickup, by New York's wall clock. */
    long pickup() {
        return pickup;
    }

    double latitude() {
        return latitude;
    }

    double longitude() {
        return longitude;
    }
}
