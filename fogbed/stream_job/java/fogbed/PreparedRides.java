package fogbed;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Where a prepared rides file is and what time it spans, as {@code fogbed rides import} wrote it.
 *
 * <p>Made when the job is submitted, so it reads two ends of the file and nothing between them: the
 * time this takes is silence when a job is submitted again. The byte index is read by the source.
 */
final class PreparedRides implements Serializable {

    private static final long serialVersionUID = 1;

    /** Rides between two entries of the index. */
    static final int BLOCK = 1000;

    private final String file;
    private final String index;
    private final long count;
    private final long firstPickup;
    private final long lastPickup;

    private PreparedRides(Path file, Path index, long count, long firstPickup, long lastPickup) {
        this.file = file.toString();
        this.index = index.toString();
        this.count = count;
        this.firstPickup = firstPickup;
        this.lastPickup = lastPickup;
    }

    /** Opens a file of {@code count} rides. */
    static PreparedRides open(Path file, Path index, long count) throws IOException {
        if (count < 1) {
            throw new IOException(file + ": there are no rides to replay");
        }
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "r")) {
            long first = WallClock.BAD;
            long last = WallClock.BAD;
            // raw files may have rides without a readable time at either end: then look further
            for (long size = 1 << 14; last == WallClock.BAD; size *= 16) {
                first = pickup(bytes, 0, Math.min(size, bytes.length()), true);
                long start = Math.max(0, bytes.length() - size);
                last = pickup(bytes, start, bytes.length(), false);
                if (size >= bytes.length()) {
                    break;
                }
            }
            boolean known = first != WallClock.BAD && last != WallClock.BAD;
            return new PreparedRides(file, index, count, known ? first : 0, known ? last : 0);
        }
    }

    // the first or the last readable pickup of the lines that are complete in [from, to)
    private static long pickup(RandomAccessFile file, long from, long to, boolean first)
            throws IOException {
        byte[] part = new byte[Math.toIntExact(to - from)];
        file.seek(from);
        file.readFully(part);
        RideParser parser = new RideParser();
        long found = WallClock.BAD;
        int start = -1;
        for (int i = 0; i < part.length && !(first && found != WallClock.BAD); i++) {
            if (part[i] == '\n') {
                long time = start < 0 ? WallClock.BAD : parser.pickupTime(part, start, i);
                found = time == WallClock.BAD ? found : time;
                start = i + 1; // what stands before the first newline is the header or cut off
            }
        }
        return found;
    }

    /** Reads the byte offset of every thousandth ride. */
    long[] readIndex() throws IOException {
        List<String> lines = Files.readAllLines(Path.of(index), StandardCharsets.US_ASCII);
        int blocks = Math.toIntExact((count + BLOCK - 1) / BLOCK);
        if (lines.size() < blocks) {
            throw new IOException(
                    index + ": " + lines.size() + " entries, but " + count + " rides need " + blocks);
        }
        long[] offsets = new long[blocks];
        for (int i = 0; i < blocks; i++) {
            offsets[i] = Long.parseLong(lines.get(i).strip());
        }
        return offsets;
    }

    String file() {
        return file;
    }

    long count() {
        return count;
    }

    /** The file's first readable pickup, seconds since 1970 by the wall clock. */
    long firstPickup() {
        return firstPickup;
    }

    /** By how many seconds event time is shifted from one lap to the next. */
    long spanSeconds() {
        return Math.max(0, lastPickup - firstPickup) + 1;
    }
}
