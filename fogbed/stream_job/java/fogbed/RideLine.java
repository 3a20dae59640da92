package fogbed;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What {@code rides} emits: a line of the file as it stands there, its number and its due time. */
public final class RideLine implements Flat<RideLine> {

    private static final long serialVersionUID = 1;

    long number;
    long replayMicros;
    byte[] bytes = new byte[160];
    int start;
    int end;

    /** Shows a line without copying it. */
    void set(long number, long replayMicros, byte[] bytes, int start, int end) {
        this.number = number;
        this.replayMicros = replayMicros;
        this.bytes = bytes;
        this.start = start;
        this.end = end;
    }

    @Override
    public void copyFrom(RideLine other) {
        int length = other.end - other.start;
        set(other.number, other.replayMicros, new byte[length], 0, length);
        System.arraycopy(other.bytes, other.start, bytes, 0, length);
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeLong(number);
        out.writeLong(replayMicros);
        out.writeInt(end - start);
        out.write(bytes, start, end - start);
    }

    @Override
    public void read(DataInputView in) throws IOException {
        number = in.readLong();
        replayMicros = in.readLong();
        start = 0;
        end = in.readInt();
        if (bytes.length < end) {
            bytes = new byte[Math.max(end, 2 * bytes.length)];
        }
        in.readFully(bytes, 0, end);
    }

    @Override
    public String toString() {
        return number + ": " + new String(bytes, start, end - start, StandardCharsets.UTF_8);
    }
}
