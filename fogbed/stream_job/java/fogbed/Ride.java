package fogbed;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What {@code parse} emits: a ride that can be used. */
public final class Ride implements Flat<Ride> {

    private static final long serialVersionUID = 1;

    long number;
    long replayMicros;
    long pickup;
    double latitude;
    double longitude;

    @Override
    public void copyFrom(Ride other) {
        number = other.number;
        replayMicros = other.replayMicros;
        pickup = other.pickup;
        latitude = other.latitude;
        longitude = other.longitude;
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeLong(number);
        out.writeLong(replayMicros);
        out.writeLong(pickup);
        out.writeDouble(latitude);
        out.writeDouble(longitude);
    }

    @Override
    public void read(DataInputView in) throws IOException {
        number = in.readLong();
        replayMicros = in.readLong();
        pickup = in.readLong();
        latitude = in.readDouble();
        longitude = in.readDouble();
    }

    @Override
    public String toString() {
        return number + " at " + latitude + ", " + longitude;
    }
}
