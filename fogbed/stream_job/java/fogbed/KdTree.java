package fogbed;

import java.util.Arrays;
import java.util.Comparator;

/**
 * A k-d tree over unit vectors that finds every place about as near as the nearest.
 *
 * <p>About as near: its chord is at most a margin longer, and a tie in any case. Places within 1e-6 m
 * of the minimum are equal for this job, and squared chords carry rounding errors; the caller decides
 * by exact distance. Not for use by several threads.
 */
final class KdTree {

    private static final int LEAF = 8;

    private final int[] axis;
    private final double[] plane;
    private final int[] from;
    private final int[] to;
    private final int[] places;
    private final double[] xs;
    private final double[] ys;
    private final double[] zs;

    private final int[] waiting = new int[64];
    private final double[] waitingBound = new double[64];
    private final int[] candidates;
    private final double[] candidateChords;
    private int candidateCount;

    KdTree(Landmarks landmarks) {
        int count = landmarks.size();
        int nodes = 1;
        for (int size = count; size > LEAF; size = (size + 1) / 2) {
            nodes = 2 * nodes + 1;
        }
        axis = new int[nodes];
        plane = new double[nodes];
        from = new int[nodes];
        to = new int[nodes];
        double[][] vectors = landmarks.vectors();
        Integer[] order = new Integer[count];
        Arrays.setAll(order, i -> i);
        build(0, order, 0, count, vectors);
        places = new int[count];
        Arrays.setAll(places, i -> order[i]);
        xs = column(vectors[0]);
        ys = column(vectors[1]);
        zs = column(vectors[2]);
        candidates = new int[count];
        candidateChords = new double[count];
    }

    private double[] column(double[] values) {
        double[] column = new double[values.length];
        Arrays.setAll(column, i -> values[places[i]]);
        return column;
    }

    private void build(int node, Integer[] order, int start, int end, double[][] vectors) {
        if (2 * node + 2 >= axis.length) {
            axis[node] = -1;
            from[node] = start;
            to[node] = end;
            return;
        }
        double[] widest = widest(order, start, end, vectors);
        Arrays.sort(order, start, end, Comparator.comparingDouble(i -> widest[i]));
        int middle = (start + end) >>> 1;
        axis[node] = widest == vectors[0] ? 0 : widest == vectors[1] ? 1 : 2;
        plane[node] = widest[order[middle]];
        build(2 * node + 1, order, start, middle, vectors);
        build(2 * node + 2, order, middle, end, vectors);
    }

    private static double[] widest(Integer[] order, int start, int end, double[][] vectors) {
        double[] widest = vectors[0];
        double width = -1;
        for (double[] values : vectors) {
            double low = Double.POSITIVE_INFINITY;
            double high = Double.NEGATIVE_INFINITY;
            for (int i = start; i < end; i++) {
                low = Math.min(low, values[order[i]]);
                high = Math.max(high, values[order[i]]);
            }
            if (high - low > width) {
                width = high - low;
                widest = values;
            }
        }
        return widest;
    }

    /**
     * Finds the candidates for a unit vector and returns how many there are, at least one.
     *
     * @param margin how much longer than the shortest a candidate's chord may be
     */
    int search(double x, double y, double z, double margin) {
        double best = Double.POSITIVE_INFINITY;
        double limit = Double.POSITIVE_INFINITY;
        int count = 0;
        int depth = 0;
        int node = 0;
        while (true) {
            while (axis[node] >= 0) {
                int a = axis[node];
                double side = (a == 0 ? x : a == 1 ? y : z) - plane[node];
                int left = 2 * node + 1;
                waiting[depth] = side < 0 ? left + 1 : left;
                waitingBound[depth++] = side * side;
                node = side < 0 ? left : left + 1;
            }
            for (int i = from[node]; i < to[node]; i++) {
                double dx = x - xs[i];
                double dy = y - ys[i];
                double dz = z - zs[i];
                double chord = dx * dx + dy * dy + dz * dz;
                if (chord <= limit) {
                    if (chord < best) {
                        best = chord;
                        limit = limit(chord, margin);
                    }
                    candidates[count] = places[i];
                    candidateChords[count++] = chord;
                }
            }
            do {
                if (depth == 0) {
                    candidateCount = count;
                    return count == 1 ? 1 : keep(limit);
                }
            } while (waitingBound[--depth] > limit);
            node = waiting[depth];
        }
    }

    int candidate(int i) {
        return candidates[i];
    }

    // the largest squared chord of a candidate
    private static double limit(double smallest, double margin) {
        double chord = Math.sqrt(smallest);
        return smallest + tie(smallest) + margin * (2 * chord + margin);
    }

    /**
     * How much larger a squared chord c^2 may be and still be a tie: 1e-6 m are t = 1.57e-13 of the
     * radius, so at most 2 c t + t^2, and rounding of the coordinates adds less than 4e-15 c.
     */
    static double tie(double squaredChord) {
        return 4e-13 * Math.sqrt(squaredChord) + 1e-25;
    }

    private int keep(double limit) {
        int kept = 0;
        for (int i = 0; i < candidateCount; i++) {
            if (candidateChords[i] <= limit) {
                candidates[kept++] = candidates[i];
            }
        }
        return kept;
    }
}
