"""Quantities as users write them, and as numbers: the only place with suffixes.

Delays in milliseconds, durations in seconds, link rates in bit/s, ride rates in rides/s, loss as a
fraction of 1, memory in bytes. ``parse_`` is strict: a wrong spelling is a ValueError whose text
is "what is wrong; what to write instead". ``format_`` gives the shortest text that parses back to
the same number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

# A number, then whatever stands behind it; the lengths keep absurd input cheap.
_QUANTITY = re.compile(r"([+-]?)(\d{1,18}(?:\.\d{1,60})?|\.\d{1,60})(\s*)([^\s\d.].{0,20})?")
# Enough digits for any double shifted by any suffix, so that nothing is rounded on the way.
_DIGITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One kind of quantity: its suffixes (to the number's unit), and how others misspell them.

    ``base`` is the suffix suggested where none was given, ``misspelt`` maps lower-case suffixes
    that other tools know to ours. Of two suffixes that mean the same, the first is written.
    """

    noun: str
    example: str
    base: str
    suffixes: Mapping[str, Decimal]
    misspelt: Mapping[str, str] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """A regular expression (JSON Schema dialect) of every accepted spelling."""
        suffixes = "|".join(re.escape(suffix) for suffix in self.suffixes)
        return rf"^\d+(\.\d+)?({suffixes})$"


def _suffixes(**powers: str | int) -> dict[str, Decimal]:
    return {suffix: Decimal(power) for suffix, power in powers.items()}


def _same(suffix: str, *others: str) -> dict[str, str]:
    return dict.fromkeys(others, suffix)


_SECONDS = _same("s", "sec", "secs", "second", "seconds")
_MILLISECONDS = _same("ms", "msec", "msecs", "millis", "millisecond", "milliseconds")

DELAY = Quantity(
    noun="a delay",
    example="20ms",
    base="ms",
    suffixes=_suffixes(us="0.001", ms=1, s=1000),
    misspelt=_MILLISECONDS | _SECONDS | _same("us", "µs", "μs", "usec", "usecs", "microseconds"),
)
DURATION = Quantity(
    noun="a duration",
    example="10s",
    base="s",
    suffixes=_suffixes(ms="0.001", s=1, min=60, m=60, h=3600, d=86400),
    misspelt=_MILLISECONDS
    | _SECONDS
    | _same("min", "mins", "minute", "minutes")
    | _same("h", "hr", "hrs", "hour", "hours")
    | _same("d", "day", "days"),
)
RATE = Quantity(
    noun="a link rate",
    example="10mbit",
    base="mbit",
    suffixes=_suffixes(bit=1, kbit=10**3, mbit=10**6, gbit=10**9),
)
FRACTION = Quantity(
    noun="a percentage",
    example="0.1%",
    base="%",
    suffixes={"%": Decimal("0.01")},
    misspelt=_same("%", "percent", "pct", "per cent"),
)
RIDE_RATE = Quantity(
    noun="a rate of rides",
    example="5000/s",
    base="/s",
    suffixes={"/s": Decimal(1)},
    misspelt=_same(
        "/s", "s", "/sec", "/second", "rides/s", "rides/sec", "ps", "rps", "hz", "per s"
    ),
)
MEMORY = Quantity(
    noun="a size of memory",
    example="1024m",
    base="m",
    suffixes=_suffixes(k=2**10, m=2**20, g=2**30),
    misspelt=_same("k", "kb", "kib", "ki")
    | _same("m", "mb", "mib", "mi")
    | _same("g", "gb", "gib", "gi"),
)


def parse_delay_ms(text: object) -> float:
    """Return milliseconds from "20ms", "1.5ms", "250us", "2s"; ValueError says what to write."""
    return float(_parse(text, DELAY))


def parse_duration_s(text: object) -> float:
    """Return seconds from "500ms", "10s", "5min" ("5m"), "2h", "7d"."""
    return float(_parse(text, DURATION))


def parse_rate_bps(text: object) -> int:
    """Return bit/s from "100mbit" (also bit, kbit, gbit; powers of ten). Zero is refused."""
    rate = round(_parse(text, RATE, respell=_respell_rate))
    if rate == 0:
        raise ValueError(f"{text} lets nothing through; leave rate out for no limit")
    return rate


def parse_fraction(text: object) -> float:
    """Return a fraction of 1, 0 to 1, from "0.1%"."""
    fraction = float(_parse(text, FRACTION))
    if fraction > 1:
        raise ValueError(f"{text} is more than 100%; write 0% to 100%")
    return fraction


def parse_ride_rate(text: object) -> float:
    """Return rides/s from "5000/s"."""
    return float(_parse(text, RIDE_RATE))


def parse_memory(text: object) -> int:
    """Return bytes from "1024m", "1g", "512k" (powers of 1024)."""
    return round(_parse(text, MEMORY))


def format_delay(milliseconds: float) -> str:
    """Return "20ms" for 20.0."""
    return _format(milliseconds, DELAY)


def format_duration(seconds: float) -> str:
    """Return "90s" for 90.0, "2min" for 120.0, "7d" for 604800.0."""
    return _format(seconds, DURATION)


def format_rate(bits_per_second: float) -> str:
    """Return "100mbit" for 100,000,000."""
    return _format(bits_per_second, RATE)


def format_fraction(fraction: float) -> str:
    """Return "0.1%" for 0.001."""
    return _format(fraction, FRACTION)


def format_ride_rate(rides_per_second: float) -> str:
    """Return "5000/s" for 5000.0."""
    return _format(rides_per_second, RIDE_RATE)


def format_memory(size: int) -> str:
    """Return "1g" for 1,073,741,824 bytes."""
    return _format(size, MEMORY)


def _respell(number: str, suffix: str, quantity: Quantity) -> str | None:
    known = quantity.misspelt.get(suffix.lower()) or (
        suffix.lower() if suffix.lower() in quantity.suffixes else None
    )
    return f"write {number}{known}" if known else None


def _respell_rate(number: str, suffix: str, _quantity: Quantity) -> str | None:
    """Tell bits from bytes: Mbps is bits to most and mbps is bytes to tc(8)."""
    match = re.fullmatch(r"([kKmMgG]?)(b|B|[bB]it)?s?(ps|/s|/sec)?", suffix)
    if match is None or not suffix:
        return None
    ours = f"{match[1].lower()}bit"
    if match[2] == "B":
        bits = _plain(Decimal(number) * 8)
        return f"write {bits}{ours} (8 bits to the byte)"
    return f"write {number}{ours} (bits per second)"


def _parse(
    text: object,
    quantity: Quantity,
    *,
    respell: Callable[[str, str, Quantity], str | None] = _respell,
) -> Decimal:
    number, suffix = _split(text, quantity)
    if suffix not in quantity.suffixes:
        spelling = respell(number, suffix, quantity)
        raise ValueError(
            f"{text} is not spelled right; {spelling}"
            if spelling
            else f"{text} has an unknown unit; write {_listed(number, quantity)}"
        )
    with localcontext(prec=_DIGITS):
        return Decimal(number) * quantity.suffixes[suffix]


def _split(text: object, quantity: Quantity) -> tuple[str, str]:
    """Return number and suffix, both as written; refuse what has not both."""
    match = None if isinstance(text, bool) else _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        shown = str(text).lower() if isinstance(text, bool) else repr(text)
        raise ValueError(f"{shown} is not {quantity.noun}; write one like {quantity.example}")
    sign, number, space, suffix = match[1], match[2], match[3], match[4] or ""
    if sign == "-":
        raise ValueError(f"{text} is negative; write 0{quantity.base} or more")
    if not suffix:
        raise ValueError(f"{text} has no unit; write {_with_unit(number, quantity)}")
    if (space or sign) and suffix in quantity.suffixes:
        raise ValueError(f"{text} is not spelled right; write {number}{suffix}")
    return number, suffix


def _with_unit(number: str, quantity: Quantity) -> str:
    if quantity is FRACTION and 0 < Decimal(number) < 1:
        share = _plain(Decimal(number) * 100)
        return f"{number}%, or {share}% if a fraction of 1 was meant"
    return f"{number}{quantity.base}"


def _listed(number: str, quantity: Quantity) -> str:
    *others, last = (f"{number}{suffix}" for suffix in quantity.suffixes)
    return f"{', '.join(others)} or {last}" if others else last


def _format(value: float, quantity: Quantity) -> str:
    written = {factor: suffix for suffix, factor in reversed(list(quantity.suffixes.items()))}
    with localcontext(prec=_DIGITS):
        exact = Decimal(repr(value))
        texts = [
            _plain(exact / factor) + written[factor]
            for factor in sorted(written, reverse=True)
            if exact >= factor and exact / factor * factor == exact
        ]
        base = quantity.suffixes[quantity.base]
        return min(texts, key=len, default=_plain(exact / base) + quantity.base)


def _plain(number: Decimal) -> str:
    """Return a number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
