package fogbed;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.apache.flink.core.fs.FSDataInputStream;

/**
 * The lines of a prepared rides file, read in order through one buffer.
 *
 * <p>A line stays valid until the next call of {@link #next()} or {@link #seek}.
 */
final class RideLines implements AutoCloseable {

    private static final VarHandle LONGS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long NEWLINES = 0x0a0a0a0a0a0a0a0aL;
    private static final long LOW_BITS = 0x0101010101010101L;
    private static final long HIGH_BITS = 0x8080808080808080L;

    private final PreparedRides rides;
    private final long[] offsets;
    private final FSDataInputStream stream;
    private byte[] buffer;
    private int filled;
    private int start;
    private int end;
    private int following;

    RideLines(PreparedRides rides, int bufferSize) throws IOException {
        this.rides = rides;
        offsets = rides.readIndex();
        stream = rides.open();
        buffer = new byte[bufferSize];
    }

    /** Goes to ride {@code index} of the file; {@link #next()} then reads it. */
    void seek(long index) throws IOException {
        stream.seek(offsets[(int) (index / PreparedRides.BLOCK)]);
        filled = 0;
        following = 0;
        for (long i = index % PreparedRides.BLOCK; i > 0; i--) {
            next();
        }
    }

    /**
     * Reads the beginning of the first line of a block, as much of it as there is room for; returns
     * its size. {@link #seek} comes before the next line.
     */
    int peek(int block, byte[] room) throws IOException {
        stream.seek(offsets[block]);
        int read = stream.readNBytes(room, 0, room.length);
        int size = 0;
        while (size < read && room[size] != '\n') {
            size++;
        }
        return size;
    }

    /** Reads the next line. */
    void next() throws IOException {
        start = following;
        int newline = newline(start);
        while (newline < 0) {
            int scanned = filled - start;
            refill();
            newline = newline(start + scanned);
        }
        end = newline;
        following = newline + 1;
    }

    // eight bytes at a time: the lowest set high bit marks the first byte that is a newline
    private int newline(int from) {
        byte[] bytes = buffer;
        int at = from;
        for (; at + 8 <= filled; at += 8) {
            long word = (long) LONGS.get(bytes, at) ^ NEWLINES;
            long found = (word - LOW_BITS) & ~word & HIGH_BITS;
            if (found != 0) {
                return at + (Long.numberOfTrailingZeros(found) >>> 3);
            }
        }
        for (; at < filled; at++) {
            if (bytes[at] == '\n') {
                return at;
            }
        }
        return -1;
    }

    private void refill() throws IOException {
        int kept = filled - start;
        byte[] target = kept > buffer.length / 2 ? new byte[2 * buffer.length] : buffer;
        System.arraycopy(buffer, start, target, 0, kept);
        buffer = target;
        start = 0;
        filled = kept;
        int read = stream.read(buffer, filled, buffer.length - filled);
        if (read < 0) {
            throw new IOException(
                    rides.file() + " ends in the middle: fewer than " + rides.count() + " rides");
        }
        filled += read;
    }

    /** The buffer the line is in. */
    byte[] bytes() {
        return buffer;
    }

    /** Where the line starts in {@link #bytes()}. */
    int start() {
        return start;
    }

    /** Where it ends, without its newline. */
    int end() {
        return end;
    }

    @Override
    public void close() throws IOException {
        stream.close();
    }
}
