package fogbed;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Runs the job's own search and parser without Flink, so that tests can compare them with NumPy.
 *
 * <pre>
 * points LANDMARKS POINTS OUT    POINTS: little-endian doubles, latitude and longitude in turn;
 *                                OUT: landmark (int), distance, bearing (doubles), big-endian
 * rides LANDMARKS RIDES OUT      RIDES: a prepared file; OUT: a line of the sink, or id,reason
 * buckets                        the histogram's counter names, a line each
 * </pre>
 */
public final class OracleCheck {

    private OracleCheck() {}

    /** Runs one of the three. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length == 1 && arguments[0].equals("buckets")) {
            System.out.println(String.join("\n", LatencyBuckets.names()));
            return;
        }
        if (arguments.length != 4) {
            throw new IllegalArgumentException("points|rides LANDMARKS INPUT OUTPUT, or buckets");
        }
        Landmarks landmarks = Landmarks.load(new org.apache.flink.core.fs.Path(arguments[1]));
        byte[] input = Files.readAllBytes(Path.of(arguments[2]));
        try (DataOutputStream out = new DataOutputStream(
                new BufferedOutputStream(Files.newOutputStream(Path.of(arguments[3])), 1 << 16))) {
            if (arguments[0].equals("points")) {
                points(landmarks, input, out);
            } else {
                rides(landmarks, input, out);
            }
        }
    }

    private static void points(Landmarks landmarks, byte[] input, DataOutputStream out)
            throws IOException {
        ByteBuffer points = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
        NearestSearch search = new NearestSearch(landmarks);
        while (points.hasRemaining()) {
            search.find(points.getDouble(), points.getDouble());
            out.writeInt(search.landmark());
            out.writeDouble(search.distanceM());
            out.writeDouble(search.bearing());
        }
    }

    private static void rides(Landmarks landmarks, byte[] input, DataOutputStream out)
            throws IOException {
        RideParser parser = new RideParser();
        NearestSearch search = new NearestSearch(landmarks);
        AnswerEncoder encoder = new AnswerEncoder(landmarks);
        Answer answer = new Answer();
        int start = end(input, 0) + 1;
        for (long id = 0; start < input.length; id++) {
            int end = end(input, start);
            Reject reason = parser.parse(input, start, end);
            if (reason == null) {
                search.find(parser.latitude(), parser.longitude());
                answer.number = id;
                answer.pickup = parser.pickup();
                answer.landmark = search.landmark();
                answer.distanceM = search.distanceM();
                answer.bearing = search.bearing();
                encoder.encode(answer, out);
            } else {
                out.writeBytes(id + "," + reason.text() + "\n");
            }
            start = end + 1;
        }
    }

    private static int end(byte[] input, int from) {
        int at = from;
        while (at < input.length && input[at] != '\n') {
            at++;
        }
        return at;
    }
}
