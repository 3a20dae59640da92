package fogbed;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** The splits that no reader has yet: the enumerator's whole state. */
final class PendingSplitsSerializer implements SimpleVersionedSerializer<List<RidesSplit>> {

    @Override
    public int getVersion() {
        return 1;
    }

    @Override
    public byte[] serialize(List<RidesSplit> splits) {
        List<byte[]> parts = new ArrayList<>();
        int size = 4;
        for (RidesSplit split : splits) {
            parts.add(RidesSplitSerializer.INSTANCE.serialize(split));
            size += 4 + parts.get(parts.size() - 1).length;
        }
        ByteBuffer bytes = ByteBuffer.allocate(size).putInt(parts.size());
        for (byte[] part : parts) {
            bytes.putInt(part.length).put(part);
        }
        return bytes.array();
    }

    @Override
    public List<RidesSplit> deserialize(int version, byte[] serialized) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(serialized);
        List<RidesSplit> splits = new ArrayList<>();
        for (int i = bytes.getInt(); i > 0; i--) {
            byte[] part = new byte[bytes.getInt()];
            bytes.get(part);
            splits.add(RidesSplitSerializer.INSTANCE.deserialize(version, part));
        }
        return splits;
    }
}
