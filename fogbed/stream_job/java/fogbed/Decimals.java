package fogbed;

import java.nio.charset.StandardCharsets;

/**
 * Decimal numbers in bytes, each rounded to the nearest double as {@code Double.parseDouble} does.
 *
 * <p>Up to 18 digits without an exponent are read here: as one division of two exact doubles where
 * that suffices, otherwise in twice the precision, with a check that the rounding cannot be in
 * doubt. Anything else goes to {@code Double.parseDouble} after its form was checked.
 */
final class Decimals {

    private static final double[] POWERS = new double[19];

    static {
        double power = 1;
        for (int i = 0; i < POWERS.length; i++) {
            POWERS[i] = power;
            power *= 10;
        }
    }

    private Decimals() {}

    /** The number in [from, to), spaces around it left out; NaN if it is no finite number. */
    static double parse(byte[] text, int from, int to) {
        while (from < to && text[from] == ' ') {
            from++;
        }
        while (from < to && text[to - 1] == ' ') {
            to--;
        }
        if (from == to) {
            return Double.NaN;
        }
        boolean negative = text[from] == '-';
        int at = negative || text[from] == '+' ? from + 1 : from;
        if (to - at > 19) {
            return parseAny(text, from, to);
        }
        long digits = 0;
        int point = -1;
        int count = 0;
        for (int i = at; i < to; i++) {
            int digit = text[i] - '0';
            if (digit >= 0 && digit <= 9) {
                digits = digits * 10 + digit;
                count++;
            } else if (text[i] == '.' && point < 0) {
                point = i;
            } else {
                return parseAny(text, from, to);
            }
        }
        if (count == 0 || count > 18) {
            return parseAny(text, from, to);
        }
        double value = scale(digits, point < 0 ? 0 : to - point - 1);
        if (value != value) {
            return parseAny(text, from, to);
        }
        return negative ? -value : value;
    }

    // digits / 10^places; NaN where twice the precision leaves the rounding open
    private static double scale(long digits, int places) {
        double power = POWERS[places];
        double high = (double) digits;
        if (digits <= 1L << 53) {
            return high / power;
        }
        double low = (double) (digits - (long) high);
        double quotient = high / power;
        double rest = (Math.fma(-quotient, power, high) + low) / power;
        double value = quotient + rest * (1 - 0x1p-40);
        return value == quotient + rest * (1 + 0x1p-40) ? value : Double.NaN;
    }

    private static double parseAny(byte[] text, int from, int to) {
        String number = new String(text, from, to - from, StandardCharsets.ISO_8859_1);
        if (!number.matches("[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")) {
            return Double.NaN;
        }
        double value = Double.parseDouble(number);
        return Double.isInfinite(value) ? Double.NaN : value;
    }
}
