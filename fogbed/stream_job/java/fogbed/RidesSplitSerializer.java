package fogbed;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Splits as lines of text that can be found again in a savepoint without Flink.
 *
 * <p>{@code fogbed-split/1 SPLIT SPLITS EMITTED ORIGIN}: rides emitted over all laps, the schedule's
 * origin in microseconds since 1970. {@code fogbed/stream_job/flink/positions.py} looks for them: the
 * position of a stopped job is read from its savepoint, the one place where it is exact.
 */
final class RidesSplitSerializer implements SimpleVersionedSerializer<RidesSplit> {

    static final RidesSplitSerializer INSTANCE = new RidesSplitSerializer();

    private static final String MARK = "fogbed-split/1";

    @Override
    public int getVersion() {
        return 1;
    }

    @Override
    public byte[] serialize(RidesSplit split) {
        long emitted = (split.next - split.index) / split.splits;
        String line =
                String.join(
                        " ",
                        MARK,
                        Integer.toString(split.index),
                        Integer.toString(split.splits),
                        Long.toString(emitted),
                        Long.toString(split.originMicros));
        return (line + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public RidesSplit deserialize(int version, byte[] serialized) throws IOException {
        String line = new String(serialized, StandardCharsets.US_ASCII);
        String[] words = line.strip().split(" ");
        if (version != getVersion() || words.length != 5 || !words[0].equals(MARK)) {
            throw new IOException("not a split of a fogbed job: " + line);
        }
        int index = Integer.parseInt(words[1]);
        int splits = Integer.parseInt(words[2]);
        long next = index + Long.parseLong(words[3]) * splits;
        return new RidesSplit(index, splits, Long.parseLong(words[4]), next);
    }
}
