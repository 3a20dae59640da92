package fogbed;

import java.util.Arrays;

/**
 * For each small cell of the map, the landmarks that can be the nearest of a point in it.
 *
 * <p>A cell is asked of the tree once, when the first point falls into it, and remembered: in a city
 * most have one candidate or two, and the search through the tree, whose branches no processor
 * predicts, took as long as the rest of the job. With c the cell's centre and r its radius, the
 * nearest landmark of any point p in it lies at most |c - n| + 2 r from c, n being the nearest of c,
 * so the candidates are complete and the answer is exact. One slot per cell of any one degree by one
 * degree; a cell elsewhere takes the slot over.
 */
final class NearestCells {

    private static final int PER_DEGREE = 256;
    // Half a cell's diagonal is at most 4.82e-5 in radians, everywhere on the sphere, and a chord is
    // shorter than its arc; what is left covers ties and rounding many times over.
    private static final double RADIUS = 5e-5;
    private static final int SLOTS = PER_DEGREE * PER_DEGREE;
    private static final int POOL = 1 << 18;

    private final KdTree tree;
    private final long[] table = new long[2 * SLOTS]; // key and entry of each slot, side by side
    private final int[] pool; // lists of candidates, each after its length
    private int used;

    NearestCells(Landmarks landmarks) {
        tree = new KdTree(landmarks);
        pool = new int[POOL + landmarks.size()];
        Arrays.fill(table, Long.MIN_VALUE);
    }

    /**
     * The only candidate of the cell that a place is in, or, where there are several, minus one minus
     * the position of their list in {@link #pool()}.
     */
    int candidates(double latitude, double longitude) {
        int row = (int) Math.floor(latitude * PER_DEGREE);
        int column = (int) Math.floor(longitude * PER_DEGREE);
        long key = ((long) row << 32) | (column & 0xffffffffL);
        int slot = 2 * ((row & (PER_DEGREE - 1)) * PER_DEGREE + (column & (PER_DEGREE - 1)));
        if (table[slot] != key) {
            table[slot + 1] = find(row, column);
            table[slot] = key;
        }
        return (int) table[slot + 1];
    }

    /** Lists of candidates: how many, then which. */
    int[] pool() {
        return pool;
    }

    private int find(int row, int column) {
        double latitude = (row + 0.5) / PER_DEGREE;
        double longitude = (column + 0.5) / PER_DEGREE;
        double cosine = Sphere.cos(latitude);
        int count =
                tree.search(
                        cosine * Sphere.cos(longitude),
                        cosine * Sphere.sin(longitude),
                        Sphere.sin(latitude),
                        2 * RADIUS);
        if (count == 1) {
            return tree.candidate(0);
        }
        if (used + count + 1 > pool.length) {
            Arrays.fill(table, Long.MIN_VALUE);
            used = 0;
        }
        int start = used;
        pool[used++] = count;
        for (int i = 0; i < count; i++) {
            pool[used++] = tree.candidate(i);
        }
        return -1 - start;
    }
}
