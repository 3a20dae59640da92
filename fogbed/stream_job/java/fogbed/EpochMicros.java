package fogbed;

import java.time.Instant;

/** The wall clock in microseconds since 1970. */
final class EpochMicros {

    private EpochMicros() {}

    static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }
}
