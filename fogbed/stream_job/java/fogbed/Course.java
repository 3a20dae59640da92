package fogbed;

/**
 * Distance and initial bearing of the great circle from one point to another.
 *
 * <p>The direction at the start, (east, north), has the length sin(angle); with cos(angle) it gives
 * the angle between both points well-conditioned at every distance (Vincenty's form of the
 * haversine). Both parts are computed from differences of the degrees as they were given, seen from
 * the far point's antipode where the longitudes differ by more than 90, so that neither cancels:
 * not for points a metre apart, not for points a metre from each other's antipode.
 */
final class Course {

    double distanceM;
    double bearing;

    private double latitude;
    private double longitude;
    private double sine;
    private double cosine;

    /** Sets the point that courses start from, with the sine and cosine of its latitude. */
    void from(double latitude, double longitude, double sine, double cosine) {
        this.latitude = latitude;
        this.longitude = longitude;
        this.sine = sine;
        this.cosine = cosine;
    }

    /** Sets distance and bearing to landmark {@code i}. */
    void to(Landmarks landmarks, int i) {
        double latitude2 = landmarks.latitude(i);
        double cosine2 = landmarks.cosine(i);
        double turn = Sphere.longitudeDifference(longitude, landmarks.longitude(i));
        boolean beyond = Math.abs(turn) > 90;
        double rest = beyond ? turn - Math.copySign(180, turn) : turn;
        double half = Sphere.sin(rest / 2);
        double crossing = 2 * cosine2 * half * half;
        double sineOfTurn = 2 * half * Sphere.cos(rest / 2);
        double sineProduct = sine * landmarks.sine(i);
        double cosineProduct = cosine * cosine2 - cosine * crossing;
        double east;
        double north;
        double ahead;
        if (beyond) {
            east = -sineOfTurn * cosine2;
            north = Sphere.sin(latitude + latitude2) - sine * crossing;
            ahead = sineProduct - cosineProduct;
        } else {
            east = sineOfTurn * cosine2;
            north = Sphere.sin(latitude2 - latitude) + sine * crossing;
            ahead = sineProduct + cosineProduct;
        }
        double aside = Math.sqrt(east * east + north * north);
        distanceM = Sphere.RADIUS_M * angle(aside, ahead);
        bearing = Sphere.bearing(east, north);
    }

    private static double angle(double sine, double cosine) {
        if (sine < 0.1 && cosine > 0) {
            return arcsine(sine);
        }
        return Sphere.atan2(sine, cosine);
    }

    // the Taylor series; its remainder is below 2e-16 of the angle for x < 0.1, and x < 0.02
    private static double arcsine(double x) {
        double z = x * x;
        if (z < 4e-4) {
            return x + x * z * (1.0 / 6 + z * (3.0 / 40 + z * (15.0 / 336 + z * (105.0 / 3456))));
        }
        return x
                + x * z * (1.0 / 6
                + z * (3.0 / 40
                + z * (15.0 / 336
                + z * (105.0 / 3456
                + z * (945.0 / 42240
                + z * (10395.0 / 599040))))));
    }
}
