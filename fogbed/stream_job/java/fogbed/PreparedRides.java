package fogbed;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;

/**
 * Where a prepared rides file is and what time it spans, as {@code fogbed rides import} wrote it.
 * Flink's file systems read it, wherever its URI says it is.
 *
 * <p>Made when the job is submitted, so it reads two ends of the file and nothing between them: the
 * time this takes is silence when a job is submitted again. The byte index is read by the source.
 */
final class PreparedRides implements Serializable {

    private static final long serialVersionUID = 1;

    /** Rides between two entries of the index. */
    static final int BLOCK = 1000;

    private final Path file;
    private final Path index;
    private final long count;
    private final long firstPickup;
    private final long lastPickup;

    private PreparedRides(Path file, Path index, long count, long firstPickup, long lastPickup) {
        this.file = file;
        this.index = index;
        this.count = count;
        this.firstPickup = firstPickup;
        this.lastPickup = lastPickup;
    }

    /** Looks at a file of {@code count} rides. */
    static PreparedRides of(Path file, Path index, long count) throws IOException {
        if (count < 1) {
            throw new IOException(file + ": there are no rides to replay");
        }
        long length = file.getFileSystem().getFileStatus(file).getLen();
        try (FSDataInputStream bytes = file.getFileSystem().open(file)) {
            long first = WallClock.BAD;
            long last = WallClock.BAD;
            // raw files may have rides without a readable time at either end: then look further
            for (long size = 1 << 14; last == WallClock.BAD; size *= 16) {
                first = pickup(bytes, 0, Math.min(size, length), true);
                long start = Math.max(0, length - size);
                last = pickup(bytes, start, length, false);
                if (size >= length) {
                    break;
                }
            }
            boolean known = first != WallClock.BAD && last != WallClock.BAD;
            return new PreparedRides(file, index, count, known ? first : 0, known ? last : 0);
        }
    }

    // the first or the last readable pickup of the lines that are complete in [from, to)
    private static long pickup(FSDataInputStream file, long from, long to, boolean first)
            throws IOException {
        byte[] part = new byte[Math.toIntExact(to - from)];
        file.seek(from);
        if (file.readNBytes(part, 0, part.length) < part.length) {
            throw new EOFException("the rides became fewer while they were looked at");
        }
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
        long[] offsets = new long[Math.toIntExact((count + BLOCK - 1) / BLOCK)];
        try (BufferedReader lines =
                new BufferedReader(
                        new InputStreamReader(
                                index.getFileSystem().open(index), StandardCharsets.US_ASCII))) {
            for (int i = 0; i < offsets.length; i++) {
                String line = lines.readLine();
                if (line == null) {
                    throw new IOException(
                            index + ": " + i + " entries, but " + count + " rides need "
                                    + offsets.length);
                }
                offsets[i] = Long.parseLong(line.strip());
            }
        }
        return offsets;
    }

    /** Opens the file, at its first byte. */
    FSDataInputStream open() throws IOException {
        return file.getFileSystem().open(file);
    }

    Path file() {
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
