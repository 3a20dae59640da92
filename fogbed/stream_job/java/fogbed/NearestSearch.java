package fogbed;

/**
 * The nearest landmark of a point: exact, and the first in the file among those within 1e-6 m of
 * the minimum. Holds the last answer; one instance per thread.
 */
final class NearestSearch {

    private static final double TIE_M = 1e-6;

    private final Landmarks landmarks;
    private final NearestCells cells;
    private final double[] xs;
    private final double[] ys;
    private final double[] zs;
    private final Course course = new Course();
    private int landmark;

    NearestSearch(Landmarks landmarks) {
        this.landmarks = landmarks;
        cells = new NearestCells(landmarks);
        double[][] vectors = landmarks.vectors();
        xs = vectors[0];
        ys = vectors[1];
        zs = vectors[2];
    }

    /** Finds the nearest landmark of a place in degrees. */
    void find(double latitude, double longitude) {
        double sine = Sphere.sin(latitude);
        double cosine = Sphere.cos(latitude);
        course.from(latitude, longitude, sine, cosine);
        int entry = cells.candidates(latitude, longitude);
        if (entry >= 0) {
            landmark = entry;
        } else {
            double x = cosine * Sphere.cos(longitude);
            double y = cosine * Sphere.sin(longitude);
            landmark = nearest(-1 - entry, x, y, sine);
        }
        course.to(landmarks, landmark);
    }

    // By squared chords; where the two smallest are too close to tell, by distance.
    private int nearest(int list, double x, double y, double z) {
        int[] pool = cells.pool();
        int end = list + 1 + pool[list];
        double smallest = Double.POSITIVE_INFINITY;
        double second = smallest;
        int found = -1;
        for (int i = list + 1; i < end; i++) {
            double chord = squaredChord(pool[i], x, y, z);
            if (chord < smallest) {
                second = smallest;
                smallest = chord;
                found = pool[i];
            } else if (chord < second) {
                second = chord;
            }
        }
        double limit = smallest + KdTree.tie(smallest);
        return second > limit ? found : firstOfNearest(list, limit, x, y, z);
    }

    private double squaredChord(int i, double x, double y, double z) {
        double dx = x - xs[i];
        double dy = y - ys[i];
        double dz = z - zs[i];
        return dx * dx + dy * dy + dz * dz;
    }

    private int firstOfNearest(int list, double limit, double x, double y, double z) {
        int[] pool = cells.pool();
        int end = list + 1 + pool[list];
        double minimum = Double.POSITIVE_INFINITY;
        for (int i = list + 1; i < end; i++) {
            if (squaredChord(pool[i], x, y, z) <= limit) {
                course.to(landmarks, pool[i]);
                minimum = Math.min(minimum, course.distanceM);
            }
        }
        int first = Integer.MAX_VALUE;
        for (int i = list + 1; i < end; i++) {
            if (squaredChord(pool[i], x, y, z) <= limit) {
                course.to(landmarks, pool[i]);
                if (course.distanceM <= minimum + TIE_M) {
                    first = Math.min(first, pool[i]);
                }
            }
        }
        return first;
    }

    int landmark() {
        return landmark;
    }

    double distanceM() {
        return course.distanceM;
    }

    double bearing() {
        return course.bearing;
    }
}
