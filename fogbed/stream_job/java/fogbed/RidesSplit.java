package fogbed;

import java.util.Objects;
import org.apache.flink.api.connector.source.SourceSplit;

/** Every {@code splits}-th ride from {@code index} on, and how far it has been replayed. */
final class RidesSplit implements SourceSplit {

    final int index;
    final int splits;
    final long originMicros;
    final long next;

    /**
     * A split with its position.
     *
     * @param originMicros the origin of the job's schedule, microseconds since 1970
     * @param next the number of the first ride that was not emitted
     */
    RidesSplit(int index, int splits, long originMicros, long next) {
        this.index = index;
        this.splits = splits;
        this.originMicros = originMicros;
        this.next = next;
    }

    @Override
    public String splitId() {
        return index + "/" + splits;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RidesSplit that
                && index == that.index
                && splits == that.splits
                && originMicros == that.originMicros
                && next == that.next;
    }

    @Override
    public int hashCode() {
        return Objects.hash(index, splits, originMicros, next);
    }

    @Override
    public String toString() {
        return "split " + splitId() + " at ride " + next;
    }
}
