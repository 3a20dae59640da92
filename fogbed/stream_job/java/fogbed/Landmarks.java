package fogbed;

import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;

/** The places that rides are compared with, in the order of their file. */
final class Landmarks implements Serializable {

    private static final long serialVersionUID = 1;

    private final String[] names;
    private final double[] latitudes;
    private final double[] longitudes;
    private final double[] sines;
    private final double[] cosines;

    Landmarks(String[] names, double[] latitudes, double[] longitudes) {
        this.names = names;
        this.latitudes = latitudes;
        this.longitudes = longitudes;
        sines = new double[names.length];
        cosines = new double[names.length];
        for (int i = 0; i < names.length; i++) {
            sines[i] = Sphere.sin(latitudes[i]);
            cosines[i] = Sphere.cos(latitudes[i]);
        }
    }

    /** Reads a CSV file whose header has at least name, lat and lon. */
    static Landmarks load(Path file) throws IOException {
        String text = text(file);
        List<String[]> rows = CsvRows.parse(text.startsWith("\ufeff") ? text.substring(1) : text);
        if (rows.size() < 2) {
            throw new IOException(file + ": no landmarks in it; a header and one line are needed");
        }
        List<String> header = List.of(rows.get(0));
        int name = column(file, header, "name");
        int latitude = column(file, header, "lat");
        int longitude = column(file, header, "lon");
        List<String> names = new ArrayList<>();
        double[] latitudes = new double[rows.size() - 1];
        double[] longitudes = new double[rows.size() - 1];
        for (int i = 0; i < latitudes.length; i++) {
            String[] row = rows.get(i + 1);
            if (row.length <= Math.max(name, Math.max(latitude, longitude))) {
                throw new IOException(file + ": landmark " + (i + 1) + ": too few fields");
            }
            names.add(row[name].strip());
            latitudes[i] = degrees(file, i, row[latitude], 90);
            longitudes[i] = degrees(file, i, row[longitude], 180);
        }
        return new Landmarks(names.toArray(new String[0]), latitudes, longitudes);
    }

    private static String text(Path file) throws IOException {
        try (FSDataInputStream bytes = file.getFileSystem().open(file)) {
            // a new decoder refuses what is not UTF-8; new String() would put other characters there
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes.readAllBytes()))
                    .toString();
        }
    }

    private static int column(Path file, List<String> header, String wanted) throws IOException {
        for (int i = 0; i < header.size(); i++) {
            if (header.get(i).strip().equalsIgnoreCase(wanted)) {
                return i;
            }
        }
        throw new IOException(file + ": no column " + wanted + "; it has " + header);
    }

    private static double degrees(Path file, int i, String text, double limit) throws IOException {
        double value;
        try {
            value = Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
            value = Double.NaN;
        }
        if (!(Math.abs(value) <= limit)) {
            throw new IOException(
                    file + ": landmark " + (i + 1) + ": " + text + " is not in -" + limit + ".." + limit);
        }
        return value;
    }

    /** Their unit vectors: all x, all y, all z. */
    double[][] vectors() {
        double[][] vectors = new double[3][size()];
        for (int i = 0; i < size(); i++) {
            vectors[0][i] = cosines[i] * Sphere.cos(longitudes[i]);
            vectors[1][i] = cosines[i] * Sphere.sin(longitudes[i]);
            vectors[2][i] = sines[i];
        }
        return vectors;
    }

    int size() {
        return names.length;
    }

    String name(int i) {
        return names[i];
    }

    double latitude(int i) {
        return latitudes[i];
    }

    double longitude(int i) {
        return longitudes[i];
    }

    /** Sine of the latitude. */
    double sine(int i) {
        return sines[i];
    }

    /** Cosine of the latitude. */
    double cosine(int i) {
        return cosines[i];
    }
}
