package fogbed;

import java.util.Locale;

/** Why a ride cannot be used: the rules of {@code fogbed/stream_job/rides/reasons.py}, in its order. */
enum Reject {
    MISSING_COORDINATES,
    ZERO_COORDINATES,
    OUTSIDE_BOX,
    BAD_TIME,
    IMPOSSIBLE_TIME,
    NEGATIVE_DURATION;

    /** The reason as it is written in files and in metric names. */
    String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
