package fogbed;

/**
 * Great circles on the sphere, in degrees, accurate from zero distance to the antipode.
 *
 * <p>Sines and cosines of degrees are reduced before they are turned into radians, so that a pole
 * or the date line is as exact as any other place. The kernels are fdlibm's polynomials on
 * [-45, 45] degrees (error below one unit in the last place); the arctangent uses a table of
 * sixteenths and the series to u^11 (remainder below 1e-19). Written out because
 * {@code Math.atan2} is a native call in Java 17 and took as long as everything else together.
 */
final class Sphere {

    /** Mean earth radius in metres. */
    static final double RADIUS_M = 6_371_008.8;

    private static final double RADIANS = Math.PI / 180;
    private static final double DEGREES = 180 / Math.PI;
    private static final double SMALL = 0.02 * 0.02;
    private static final double[] ATAN_OF_SIXTEENTHS = new double[17];

    static {
        for (int i = 0; i <= 16; i++) {
            ATAN_OF_SIXTEENTHS[i] = StrictMath.atan(i / 16.0);
        }
    }

    private Sphere() {}

    /** Sine of an angle in [-360, 360] degrees. */
    static double sin(double degrees) {
        double size = Math.abs(degrees);
        if (size <= 45) {
            return sinKernel(degrees * RADIANS);
        }
        double sine = size <= 135 ? cosKernel((90 - size) * RADIANS) : sinBeyond(size);
        return degrees < 0 ? -sine : sine;
    }

    private static double sinBeyond(double size) {
        return size <= 225
                ? sinKernel((180 - size) * RADIANS)
                : size <= 315
                        ? -cosKernel((270 - size) * RADIANS)
                        : sinKernel((size - 360) * RADIANS);
    }

    /** Cosine of an angle in [-270, 270] degrees. */
    static double cos(double degrees) {
        double size = Math.abs(degrees);
        return size <= 45 ? cosKernel(degrees * RADIANS) : sin(90 - size);
    }

    // fdlibm, __kernel_sin; below 0.02, a degree, as everywhere in one city, Taylor's x^9 is nothing
    private static double sinKernel(double x) {
        double z = x * x;
        if (z < SMALL) {
            return x - x * z * (1.0 / 6 - z * (1.0 / 120 - z * (1.0 / 5040)));
        }
        double r =
                8.33333333332248946124e-03
                        + z * (-1.98412698298579493134e-04
                        + z * (2.75573137070700676789e-06
                        + z * (-2.50507602534068634195e-08
                        + z * 1.58969099521155010221e-10)));
        return x + z * x * (-1.66666666666666324348e-01 + z * r);
    }

    // fdlibm, __kernel_cos (for |x| <= pi/4 its extra splitting gains less than one last place)
    private static double cosKernel(double x) {
        double z = x * x;
        if (z < SMALL) {
            return 1 - z * (0.5 - z * (1.0 / 24 - z * (1.0 / 720)));
        }
        double r =
                z * (4.16666666666666019037e-02
                        + z * (-1.38888888888741095749e-03
                        + z * (2.48015872894767294178e-05
                        + z * (-2.75573143513906633035e-07
                        + z * (2.08757232129817482790e-09
                        + z * -1.13596475577881948265e-11)))));
        double half = 0.5 * z;
        double w = 1 - half;
        return w + ((1 - w - half) + z * r);
    }

    /** Longitude {@code to - from}, in [-180, 180], exact near the date line too. */
    static double longitudeDifference(double from, double to) {
        double difference = to - from;
        if (difference > 180) {
            return (to - 180) - (from + 180);
        }
        if (difference < -180) {
            return (to + 180) - (from - 180);
        }
        return difference;
    }

    /** Angle of the vector (x, y) from the x axis, in radians, [-pi, pi]; 0 for (0, 0). */
    static double atan2(double y, double x) {
        double ay = Math.abs(y);
        double ax = Math.abs(x);
        double big = Math.max(ax, ay);
        if (big == 0) {
            return 0;
        }
        double small = Math.min(ax, ay);
        int sixteenths = (int) (16 * (small / big) + 0.5);
        double centre = sixteenths * 0.0625;
        double angle =
                ATAN_OF_SIXTEENTHS[sixteenths]
                        + atanSeries((small - centre * big) / (big + centre * small));
        if (ay > ax) {
            angle = Math.PI / 2 - angle;
        }
        if (x < 0) {
            angle = Math.PI - angle;
        }
        return y < 0 ? -angle : angle;
    }

    // |u| <= 1/32
    private static double atanSeries(double u) {
        double z = u * u;
        return u + u * z * (-1.0 / 3 + z * (1.0 / 5 + z * (-1.0 / 7 + z * (1.0 / 9 - z / 11))));
    }

    /** Degrees clockwise from north, [0, 360), of a direction with these parts; 0 for none. */
    static double bearing(double east, double north) {
        if (east == 0 && north == 0) {
            return 0;
        }
        double degrees = atan2(east, north) * DEGREES;
        if (degrees < 0) {
            degrees += 360;
        }
        return degrees < 360 ? degrees : 0;
    }
}
