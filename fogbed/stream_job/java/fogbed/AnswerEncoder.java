package fogbed;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.serialization.Encoder;

/** Lines {@code ride_id,start_time,landmark,distance_m,bearing_deg}; doubles in full precision. */
final class AnswerEncoder implements Encoder<Answer> {

    private static final long serialVersionUID = 1;

    private final String[] names;
    private final byte[] time = new byte[WallClock.LENGTH];
    private final StringBuilder line = new StringBuilder(128);

    AnswerEncoder(Landmarks landmarks) {
        names = new String[landmarks.size()];
        for (int i = 0; i < names.length; i++) {
            names[i] = CsvRows.quote(landmarks.name(i));
        }
    }

    @Override
    public void encode(Answer answer, OutputStream stream) throws IOException {
        stream.write(line(answer).append('\n').toString().getBytes(StandardCharsets.UTF_8));
    }

    /** The answer's line without its newline; valid until the next call. */
    StringBuilder line(Answer answer) {
        WallClock.format(answer.pickup, time, 0);
        line.setLength(0);
        line.append(answer.number).append(',');
        for (byte character : time) {
            line.append((char) character);
        }
        return line.append(',')
                .append(names[answer.landmark])
                .append(',')
                .append(answer.distanceM)
                .append(',')
                .append(answer.bearing);
    }
}
