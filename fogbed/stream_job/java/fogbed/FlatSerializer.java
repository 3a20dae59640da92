package fogbed;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Lets a record write and read itself; no Kryo, no reflection. */
abstract class FlatSerializer<T extends Flat<T>> extends TypeSerializerSingleton<T> {

    private static final long serialVersionUID = 1;

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public T copy(T from) {
        return copy(from, createInstance());
    }

    @Override
    public T copy(T from, T reuse) {
        reuse.copyFrom(from);
        return reuse;
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(T record, DataOutputView target) throws IOException {
        record.write(target);
    }

    @Override
    public T deserialize(DataInputView source) throws IOException {
        return deserialize(createInstance(), source);
    }

    @Override
    public T deserialize(T reuse, DataInputView source) throws IOException {
        reuse.read(source);
        return reuse;
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        deserialize(source).write(target);
    }

    /** For lines. */
    public static final class Lines extends FlatSerializer<RideLine> {
        private static final long serialVersionUID = 1;

        @Override
        public RideLine createInstance() {
            return new RideLine();
        }

        @Override
        public TypeSerializerSnapshot<RideLine> snapshotConfiguration() {
            return new LinesSnapshot();
        }
    }

    /** For rides. */
    public static final class Rides extends FlatSerializer<Ride> {
        private static final long serialVersionUID = 1;

        @Override
        public Ride createInstance() {
            return new Ride();
        }

        @Override
        public TypeSerializerSnapshot<Ride> snapshotConfiguration() {
            return new RidesSnapshot();
        }
    }

    /** For answers. */
    public static final class Answers extends FlatSerializer<Answer> {
        private static final long serialVersionUID = 1;

        @Override
        public Answer createInstance() {
            return new Answer();
        }

        @Override
        public TypeSerializerSnapshot<Answer> snapshotConfiguration() {
            return new AnswersSnapshot();
        }
    }

    /** Required by Flink for serializers that may meet state; made by its no-argument constructor. */
    public static final class LinesSnapshot extends SimpleTypeSerializerSnapshot<RideLine> {
        public LinesSnapshot() {
            super(Lines::new);
        }
    }

    /** As above. */
    public static final class RidesSnapshot extends SimpleTypeSerializerSnapshot<Ride> {
        public RidesSnapshot() {
            super(Rides::new);
        }
    }

    /** As above. */
    public static final class AnswersSnapshot extends SimpleTypeSerializerSnapshot<Answer> {
        public AnswersSnapshot() {
            super(Answers::new);
        }
    }
}
