package fogbed;

import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the pickup times of a rides file; prints the bytes that took and what is due when. */
final class PickupTimesCheck {

    private PickupTimesCheck() {}

    public static void main(String[] arguments) throws Exception {
        long count = Long.parseLong(arguments[2]);
        PreparedRides rides =
                PreparedRides.of(uri(arguments[0]), uri(arguments[1]), count);
        try (RideLines lines = new RideLines(rides, 1 << 18)) {
            long before = bytesRead();
            PickupTimes times = new PickupTimes(rides, lines);
            System.out.println(bytesRead() - before);
            for (int i = 3; i < arguments.length; i++) {
                System.out.println(times.ridesBy(Double.parseDouble(arguments[i])));
            }
        }
    }

    private static org.apache.flink.core.fs.Path uri(String text) {
        return new org.apache.flink.core.fs.Path(text);
    }

    private static long bytesRead() throws Exception {
        String first = Files.readAllLines(Path.of("/proc/self/io")).get(0);
        return Long.parseLong(first.substring("rchar: ".length()));
    }
}
