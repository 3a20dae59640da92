package fogbed;

import java.io.IOException;
import java.io.Serializable;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A record of fixed fields that writes itself; it is reused, so whoever keeps one copies it. */
interface Flat<T extends Flat<T>> extends Serializable {

    /** Takes over every field of another record. */
    void copyFrom(T other);

    void write(DataOutputView out) throws IOException;

    void read(DataInputView in) throws IOException;
}
