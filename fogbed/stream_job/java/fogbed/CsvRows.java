package fogbed;

import java.util.ArrayList;
import java.util.List;

/** Rows of a small CSV text after RFC 4180; rows of empty fields are left out. */
final class CsvRows {

    private final List<String[]> rows = new ArrayList<>();
    private final List<String> row = new ArrayList<>();
    private final StringBuilder field = new StringBuilder();
    private boolean quoted;

    private CsvRows() {}

    static List<String[]> parse(String text) {
        CsvRows state = new CsvRows();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '"') {
                state.take(c);
            } else if (state.quoted && i + 1 < text.length() && text.charAt(i + 1) == '"') {
                state.field.append('"');
                i++;
            } else {
                state.quoted = !state.quoted;
            }
        }
        state.take('\n');
        return state.rows;
    }

    private void take(char c) {
        if (quoted || (c != ',' && c != '\n' && c != '\r')) {
            field.append(c);
            return;
        }
        if (c == '\r') {
            return;
        }
        row.add(field.toString());
        field.setLength(0);
        if (c == '\n') {
            if (row.stream().anyMatch(text -> !text.isBlank())) {
                rows.add(row.toArray(new String[0]));
            }
            row.clear();
        }
    }

    /** A field as it is written: quoted where it must be. */
    static String quote(String text) {
        if (text.indexOf(',') < 0 && text.indexOf('"') < 0 && text.indexOf('\n') < 0) {
            return text;
        }
        return '"' + text.replace("\"", "\"\"") + '"';
    }
}
