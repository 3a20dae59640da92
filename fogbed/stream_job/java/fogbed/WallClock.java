package fogbed;

/** Local wall-clock times {@code YYYY-MM-DD HH:MM:SS} as seconds since 1970-01-01 00:00:00. */
final class WallClock {

    /** What {@link #parse} returns for text that is no date and time of the calendar. */
    static final long BAD = Long.MIN_VALUE;

    static final int LENGTH = 19;

    private static final int[] DAYS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    private int knownDate = -1;
    private long knownDay;

    /** Parses the 19 bytes from {@code at}; the caller has seen to it that they are there. */
    long parse(byte[] text, int at) {
        if (text[at + 4] != '-'
                || text[at + 7] != '-'
                || text[at + 10] != ' '
                || text[at + 13] != ':'
                || text[at + 16] != ':') {
            return BAD;
        }
        int century = two(text, at);
        int year = two(text, at + 2);
        int month = two(text, at + 5);
        int day = two(text, at + 8);
        int hour = two(text, at + 11);
        int minute = two(text, at + 14);
        int second = two(text, at + 17);
        if ((century | year | month | day | hour | minute | second) < 0
                || hour > 23
                || minute > 59
                || second > 59) {
            return BAD;
        }
        int date = ((century * 100 + year) * 100 + month) * 100 + day;
        if (date != knownDate) {
            if (!exists(century * 100 + year, month, day)) {
                return BAD;
            }
            knownDay = daysSince1970(century * 100 + year, month, day);
            knownDate = date;
        }
        return knownDay * 86_400 + hour * 3600 + minute * 60 + second;
    }

    private static int two(byte[] text, int at) {
        int tens = text[at] - '0';
        int ones = text[at + 1] - '0';
        return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
    }

    private static boolean exists(int year, int month, int day) {
        if (year < 1 || month < 1 || month > 12 || day < 1) {
            return false;
        }
        boolean leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return day <= DAYS[month - 1] + (leap && month == 2 ? 1 : 0);
    }

    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil
    private static long daysSince1970(int year, int month, int day) {
        int y = month <= 2 ? year - 1 : year;
        int era = Math.floorDiv(y, 400);
        int yearOfEra = y - era * 400;
        int dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097L + dayOfEra - 719_468;
    }

    /** Writes a time as {@code YYYY-MM-DD HH:MM:SS} into the 19 bytes from {@code at}. */
    static void format(long seconds, byte[] text, int at) {
        long day = Math.floorDiv(seconds, 86_400L);
        int second = (int) (seconds - day * 86_400);
        long z = day + 719_468;
        long era = Math.floorDiv(z, 146_097L);
        int dayOfEra = (int) (z - era * 146_097);
        int yearOfEra =
                (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        int dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        int monthFromMarch = (5 * dayOfYear + 2) / 153;
        int month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        int year = (int) (yearOfEra + era * 400) + (month <= 2 ? 1 : 0);
        put(text, at, year / 100, '-');
        put(text, at + 2, year % 100, '-');
        put(text, at + 5, month, '-');
        put(text, at + 8, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, ' ');
        put(text, at + 11, second / 3600, ':');
        put(text, at + 14, second / 60 % 60, ':');
        text[at + 17] = (byte) ('0' + second % 60 / 10);
        text[at + 18] = (byte) ('0' + second % 10);
    }

    private static void put(byte[] text, int at, int value, char after) {
        text[at] = (byte) ('0' + value / 10);
        text[at + 1] = (byte) ('0' + value % 10);
        text[at + 2] = (byte) after;
    }
}
