package fogbed;

/**
 * The nearest landmark of a point: exact, and the first in the file among those within 1e-6 m of
 * the minimum. Holds the last answer; one instance per thread.
 */
final class NearestSearch {

    private static final double TIE_M = 1e-6;

    private final Landmarks landmarks;
    private final KdTree tree;
    private final Course course = new Course();
    private int landmark;

    NearestSearch(Landmarks landmarks) {
        this.landmarks = landmarks;
        this.tree = new KdTree(landmarks);
    }

    /** Finds the nearest landmark of a place in degrees. */
    void find(double latitude, double longitude) {
        double cosine = Sphere.cos(latitude);
        int count =
                tree.search(
                        cosine * Sphere.cos(longitude),
                        cosine * Sphere.sin(longitude),
                        Sphere.sin(latitude));
        landmark = count == 1 ? tree.candidate(0) : firstOfNearest(latitude, longitude, count);
        course.set(latitude, longitude, landmarks, landmark);
    }

    private int firstOfNearest(double latitude, double longitude, int count) {
        double minimum = Double.POSITIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            course.set(latitude, longitude, landmarks, tree.candidate(i));
            minimum = Math.min(minimum, course.distanceM);
        }
        int first = Integer.MAX_VALUE;
        for (int i = 0; i < count; i++) {
            course.set(latitude, longitude, landmarks, tree.candidate(i));
            if (course.distanceM <= minimum + TIE_M) {
                first = Math.min(first, tree.candidate(i));
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
