package fogbed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Walks once through the rides of all splits of one source subtask, in order, over all laps.
 *
 * <p>Splits restored at different positions are merged: the walk starts at the one that is furthest
 * behind, and what another split has emitted already is passed over.
 */
final class RideCursor implements AutoCloseable {

    private static final int BUFFER = 1 << 18;
    private static final long NOT_OURS = Long.MAX_VALUE;

    private final PreparedRides rides;
    private final boolean loop;
    private final RideLines lines;
    private long[] next = new long[0];
    private long originMicros;
    private long ahead = -1; // the number of the ride the cursor stands before
    private long index;
    private int split;
    private long lap;
    private final AtomicLong emitted = new AtomicLong(); // one writer; gauges read it

    RideCursor(PreparedRides rides, boolean loop) throws IOException {
        this.rides = rides;
        this.loop = loop;
        this.lines = new RideLines(rides, BUFFER);
    }

    /** Takes more splits over and goes to the earliest ride that any split has not emitted. */
    void add(List<RidesSplit> splits) throws IOException {
        for (RidesSplit added : splits) {
            if (next.length == 0) {
                next = new long[added.splits];
                Arrays.fill(next, NOT_OURS);
            }
            next[added.index] = added.next;
            originMicros = added.originMicros;
        }
        long total = 0;
        long earliest = NOT_OURS;
        for (int k = 0; k < next.length; k++) {
            if (next[k] != NOT_OURS) {
                total += (next[k] - k) / next.length;
                earliest = Math.min(earliest, next[k]);
            }
        }
        emitted.lazySet(total);
        if (earliest != NOT_OURS) {
            goTo(earliest);
        }
    }

    private void goTo(long number) throws IOException {
        ahead = number;
        index = number % rides.count();
        lap = number / rides.count();
        split = (int) (number % next.length);
        if (!isAtEnd()) {
            lines.seek(index);
        }
    }

    /** Steps to the next ride of our splits, if there is one; it is then the current one. */
    boolean advance() throws IOException {
        while (ahead >= 0 && !isAtEnd()) {
            lines.next();
            boolean ours = ahead >= next[split];
            if (ours) {
                return true;
            }
            pass();
        }
        return false;
    }

    /** Notes that the current ride was emitted. */
    void emitted() throws IOException {
        next[split] += next.length;
        emitted.lazySet(emitted.getPlain() + 1);
        pass();
    }

    private void pass() throws IOException {
        ahead++;
        if (++split == next.length) {
            split = 0;
        }
        if (++index == rides.count()) {
            index = 0;
            lap++;
            if (loop) {
                lines.seek(0);
            }
        }
    }

    private boolean isAtEnd() {
        return !loop && ahead >= rides.count();
    }

    /** Number of the current ride: its place in the file plus the rides of all laps before. */
    long number() {
        return ahead;
    }

    /** How often the file was replayed before the current ride. */
    long lap() {
        return lap;
    }

    /** The lines, standing at the current ride. */
    RideLines lines() {
        return lines;
    }

    long originMicros() {
        return originMicros;
    }

    /** Rides emitted of these splits since the first submission. */
    long position() {
        return emitted.get();
    }

    boolean hasSplits() {
        return next.length > 0;
    }

    /** How many rides below {@code due} our splits have not emitted. */
    long behind(long due) {
        long bound = loop ? due : Math.min(due, rides.count());
        long[] positions = next;
        long behind = 0;
        for (long position : positions) {
            if (position < bound) {
                behind += (bound - position + positions.length - 1) / positions.length;
            }
        }
        return behind;
    }

    /** Our splits with their positions. */
    List<RidesSplit> splits() {
        List<RidesSplit> splits = new ArrayList<>();
        for (int k = 0; k < next.length; k++) {
            if (next[k] != NOT_OURS) {
                splits.add(new RidesSplit(k, next.length, originMicros, next[k]));
            }
        }
        return splits;
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
