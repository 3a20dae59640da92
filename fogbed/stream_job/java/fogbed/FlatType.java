package fogbed;

import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

/** Tells Flink which serializer a record has, so that it never falls back to Kryo. */
final class FlatType<T extends Flat<T>> extends TypeInformation<T> {

    private static final long serialVersionUID = 1;

    static final FlatType<RideLine> LINE =
            new FlatType<>(RideLine.class, new FlatSerializer.Lines());
    static final FlatType<Ride> RIDE = new FlatType<>(Ride.class, new FlatSerializer.Rides());
    static final FlatType<Answer> ANSWER =
            new FlatType<>(Answer.class, new FlatSerializer.Answers());

    private final Class<T> type;
    private final FlatSerializer<T> serializer;

    private FlatType(Class<T> type, FlatSerializer<T> serializer) {
        this.type = type;
        this.serializer = serializer;
    }

    @Override
    public boolean isBasicType() {
        return false;
    }

    @Override
    public boolean isTupleType() {
        return false;
    }

    @Override
    public int getArity() {
        return 1;
    }

    @Override
    public int getTotalFields() {
        return 1;
    }

    @Override
    public Class<T> getTypeClass() {
        return type;
    }

    @Override
    public boolean isKeyType() {
        return false;
    }

    @Override
    public TypeSerializer<T> createSerializer(SerializerConfig config) {
        return serializer;
    }

    @Override
    public String toString() {
        return type.getSimpleName();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FlatType<?> that && type == that.type;
    }

    @Override
    public int hashCode() {
        return type.hashCode();
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof FlatType;
    }
}
