"""How an import reads times: which spellings it knows, and what a zone behind one means.

A time is New York's wall clock, to the second; parts of one are cut off. The import reads

- ``2015-01-31 23:59:59``, with a ``T`` for the space, with any number of decimals, or without
  seconds; behind it may stand ``Z``, ``UTC`` or an offset (``+00``, ``-0500``, ``-05:00``);
- ``1/31/2015 11:59:59 PM``, with or without seconds and AM or PM, also with a year of two digits,
  which is one of this century.

Every other number has all its digits: ``2015-1-31`` and ``23:59:0`` may have lost one, so they are
no times. Neither are the names of times that databases know (``epoch``, ``infinity``).

A zone is understood the same way in text as of a Parquet column. One that is not UTC makes the time
an instant: New York's clock showed something else then, and that is taken. UTC is often no more
than a label (published exports put it on New York's clock), so the digits are taken, as they are
where no zone is told; unless the import is told that they are UTC's, or the row's other time is an
instant (``ride_clocks``).
"""

from __future__ import annotations

from typing import Final

NEW_YORK: Final = "America/New_York"
"""The clock that rides are told by."""

PLAIN, CLOCK, LABELLED, UTC_OFFSET, OFFSET, MONTH_FIRST, NO_TIME = range(7)
"""How a time is spelled (``form_sql``): as the job's own; as one of the above, of no zone, of ``Z``
or ``UTC``, of an offset that is none, of another offset; with the month first; or it is no time."""

_CLOCK: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}( +|T)([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
)
_OFFSET: Final = "[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?"
_FORMS: Final = {
    # one pattern for two forms, told apart by the last letter: patterns are what an import costs
    f"CASE WHEN right({{}}, 1) IN ('Z', 'C') THEN {LABELLED} ELSE {CLOCK} END": (
        f"{_CLOCK}( *(Z|UTC))?"
    ),
    f"{UTC_OFFSET}": f"{_CLOCK} *[+-]00(:?00)?",
    f"{OFFSET}": f"{_CLOCK} *{_OFFSET}",
    f"{MONTH_FIRST}": (
        "[0-9]{1,2}/[0-9]{1,2}/([0-9]{4}|[0-9]{2}) +[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( +[AaPp][Mm])?"
    ),
}
_MONTH_FIRST_FORMATS: Final = (
    "'%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M %p', '%m/%d/%Y %H:%M'"
)


def plain_sql(text: str) -> str:
    """Return an expression for the TIMESTAMP in a column spelled as the job's; NULL for others."""
    # a cast is quick but generous: plain is only what it writes back letter for letter, and in 19
    # of them: without parts of a second, and before the year 10000
    cast = f"try_cast({text} AS TIMESTAMP)"
    return f"CASE WHEN length({text}) = 19 AND {cast}::VARCHAR = {text} THEN {cast} END"


def form_sql(text: str, plain: str) -> str:
    """Return an expression for how a column's time is spelled; ``plain`` as of ``plain_sql``."""
    trimmed = f"trim({text})"
    whens = " ".join(
        f"WHEN regexp_full_match({trimmed}, '{spelling}') THEN {form.format(trimmed)}"
        for form, spelling in _FORMS.items()
    )
    return f"(CASE WHEN {plain} IS NOT NULL THEN {PLAIN} {whens} ELSE {NO_TIME} END)::UTINYINT"


def time_sql(text: str, plain: str, form: str, *, is_utc: str) -> str:
    """Return an expression for the TIMESTAMP on New York's clock in a column; NULL if it is none.

    ``plain`` is what ``plain_sql`` found, ``form`` what ``form_sql`` did. Where the condition
    ``is_utc`` holds, times of no zone or of UTC are converted.
    """
    trimmed = f"trim({text})"
    offset = f"regexp_extract({trimmed}, '{_OFFSET}$')"
    hours = f"try_cast(substr({offset}, 2, 2) AS INT)"
    minutes = f"({hours} * 60 + coalesce(try_cast(right(substr({offset}, 4), 2) AS INT), 0))"
    before = f"try_cast(rtrim(left({trimmed}, -length({offset}))) AS TIMESTAMP)"
    ahead = f"CASE WHEN {offset}[1] = '-' THEN -{minutes} ELSE {minutes} END"
    instant = f"{before} - to_minutes({ahead})"
    labelled = f"try_cast(rtrim({trimmed}, 'ZUTC ') AS TIMESTAMP)"
    full_year = f"regexp_replace({trimmed}, '/([0-9]{{2}}) ', '/20\\1 ')"
    month_first = f"try_strptime({full_year}, [{_MONTH_FIRST_FORMATS}])"
    cases = {
        f"{form} = {PLAIN}": _of_clock(plain, is_utc),
        f"{form} IN ({CLOCK}, {LABELLED})": _of_clock(labelled, is_utc),
        f"{form} = {UTC_OFFSET}": _of_clock(before, is_utc),
        f"{form} = {OFFSET}": _converted(instant),
        f"{form} = {MONTH_FIRST}": _of_clock(month_first, is_utc),
    }
    whens = " ".join(f"WHEN {condition} THEN {time}" for condition, time in cases.items())
    return f"CASE {whens} END"


def whole_seconds_sql(time: str) -> str:
    """Return an expression for a TIMESTAMP without parts of a second; NULL beyond the calendar."""
    calendar = "TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    return f"CASE WHEN {time} BETWEEN {calendar} THEN date_trunc('second', {time}) END"


def text_sql(text: str, time: str, plain: str) -> str:
    """Return an expression for a time in the job's spelling; where there is none, as it was.

    ``plain`` is what ``plain_sql`` found: where that is the time, it is spelled so already.
    """
    return f"CASE WHEN {time} = {plain} THEN {text} ELSE coalesce({time}::VARCHAR, {text}, '') END"


def _of_clock(time: str, is_utc: str) -> str:
    return f"CASE WHEN {is_utc} THEN {_converted(time)} ELSE {time} END"


def _converted(time: str) -> str:
    # there is no day before the first, so that one is left as it is
    converted = f"timezone('{NEW_YORK}', timezone('UTC', {time}))"
    return f"CASE WHEN {time} < TIMESTAMP '0001-01-02' THEN {time} ELSE {converted} END"
