package fogbed;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What {@code nearest} emits: a ride's nearest landmark, its distance and its bearing. */
public final class Answer implements Flat<Answer> {

    private static final long serialVersionUID = 1;

    long number;
    long replayMicros;
    long pickup;
    int landmark;
    double distanceM;
    double bearing;

    @Override
    public void copyFrom(Answer other) {
        number = other.number;
        replayMicros = other.replayMicros;
        pickup = other.pickup;
        landmark = other.landmark;
        distanceM = other.distanceM;
        bearing = other.bearing;
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeLong(number);
        out.writeLong(replayMicros);
        out.writeLong(pickup);
        out.writeInt(landmark);
        out.writeDouble(distanceM);
        out.writeDouble(bearing);
    }

    @Override
    public void read(DataInputView in) throws IOException {
        number = in.readLong();
        replayMicros = in.readLong();
        pickup = in.readLong();
        landmark = in.readInt();
        distanceM = in.readDouble();
        bearing = in.readDouble();
    }

    @Override
    public String toString() {
        return number + ": landmark " + landmark + ", " + distanceM + " m, " + bearing + " degrees";
    }
}
