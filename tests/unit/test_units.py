"""Quantities: every number survives being written and read; wrong spellings name the right one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import units

Parse = Callable[[object], float]
Format = Callable[[float], str]

PAIRS: dict[str, tuple[Parse, Format, units.Quantity]] = {
    "delay": (units.parse_delay_ms, units.format_delay, units.DELAY),
    "duration": (units.parse_duration_s, units.format_duration, units.DURATION),
    "ride rate": (units.parse_ride_rate, units.format_ride_rate, units.RIDE_RATE),
    "fraction": (units.parse_fraction, units.format_fraction, units.FRACTION),
}
# Wider than any quantity in a spec: a picosecond to 30,000 years.
NUMBERS = st.just(0.0) | st.floats(1e-9, 1e12, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("kind", ["delay", "duration", "ride rate"])
@given(number=NUMBERS)
def test_what_is_written_is_read_as_the_same_number(kind: str, number: float) -> None:
    parse, form, quantity = PAIRS[kind]
    text = form(number)
    assert parse(text) == number
    assert re.fullmatch(quantity.pattern, text), "editors accept what fogbed writes"


@given(fraction=st.just(0.0) | st.floats(1e-9, 1.0))
def test_fractions_survive(fraction: float) -> None:
    assert units.parse_fraction(units.format_fraction(fraction)) == fraction


@given(rate=st.integers(1, 10**15))
def test_rates_survive(rate: int) -> None:
    assert units.parse_rate_bps(units.format_rate(rate)) == rate


@given(size=st.integers(0, 2**50))
def test_sizes_survive(size: int) -> None:
    assert units.parse_memory(units.format_memory(size)) == size


@given(whole=st.integers(0, 10**9), suffix=st.sampled_from(["us", "ms", "s"]))
def test_suffixes_scale_exactly(whole: int, suffix: str) -> None:
    per_s = {"us": 1_000_000, "ms": 1000, "s": 1}[suffix]
    assert units.parse_delay_ms(f"{whole}{suffix}") == whole * 1000 / per_s


@given(text=st.text(max_size=30) | st.integers() | st.floats() | st.booleans() | st.none())
def test_anything_is_a_number_or_a_value_error_with_a_way_out(text: object) -> None:
    for parse, *_ in PAIRS.values():
        try:
            number = parse(text)
        except ValueError as error:
            said = str(error)
        else:
            said = "; write"
            assert math.isfinite(number)
            assert number >= 0
        assert re.search("; (write|leave)", said)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0ms"), (0.5, "500us"), (1.5, "1.5ms"), (20.0, "20ms"), (1000.0, "1s")],
)
def test_delays_are_written_as_users_do(number: float, text: str) -> None:
    assert units.format_delay(number) == text


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        (units.format_duration, 90.0, "90s"),
        (units.format_duration, 120.0, "2min"),
        (units.format_duration, 604800.0, "7d"),
        (units.format_rate, 100_000_000, "100mbit"),
        (units.format_rate, 9600, "9.6kbit"),
        (units.format_fraction, 0.001, "0.1%"),
        (units.format_fraction, 0.007, "0.7%"),
        (units.format_ride_rate, 5000.0, "5000/s"),
        (units.format_memory, 2**30, "1g"),
        (units.format_memory, 1536 * 2**20, "1.5g"),
    ],
)
def test_the_others_too(form: Format, number: float, text: str) -> None:
    assert form(number) == text


WRONG = [
    (units.parse_ride_rate, 5000, "5000 has no unit; write 5000/s"),
    (units.parse_ride_rate, "5000", "5000 has no unit; write 5000/s"),
    (units.parse_ride_rate, "5000/sec", "5000/sec is not spelled right; write 5000/s"),
    (units.parse_ride_rate, "-1/s", "-1/s is negative; write 0/s or more"),
    (units.parse_rate_bps, 100, "100 has no unit; write 100mbit"),
    (
        units.parse_rate_bps,
        "100Mbps",
        "100Mbps is not spelled right; write 100mbit (bits per second)",
    ),
    (
        units.parse_rate_bps,
        "100mbps",
        "100mbps is not spelled right; write 100mbit (bits per second)",
    ),
    (
        units.parse_rate_bps,
        "12.5MB/s",
        "12.5MB/s is not spelled right; write 100mbit (8 bits to the byte)",
    ),
    (
        units.parse_rate_bps,
        "5parsecs",
        "5parsecs has an unknown unit; write 5bit, 5kbit, 5mbit or 5gbit",
    ),
    (
        units.parse_rate_bps,
        "0mbit",
        "0mbit lets nothing through; leave rate out for no limit",
    ),
    (units.parse_delay_ms, 20, "20 has no unit; write 20ms"),
    (units.parse_delay_ms, 0, "0 has no unit; write 0ms"),
    (units.parse_delay_ms, "20 ms", "20 ms is not spelled right; write 20ms"),
    (units.parse_delay_ms, "20MS", "20MS is not spelled right; write 20ms"),
    (units.parse_delay_ms, "+20ms", "+20ms is not spelled right; write 20ms"),
    (units.parse_delay_ms, "20µs", "20µs is not spelled right; write 20us"),
    (units.parse_delay_ms, "-5ms", "-5ms is negative; write 0ms or more"),
    (units.parse_delay_ms, "fast", "'fast' is not a delay; write one like 20ms"),
    (units.parse_delay_ms, True, "true is not a delay; write one like 20ms"),
    (units.parse_delay_ms, "1e3ms", "1e3ms has an unknown unit; write 1us, 1ms or 1s"),
    (units.parse_duration_s, "10seconds", "10seconds is not spelled right; write 10s"),
    (units.parse_memory, 1024, "1024 has no unit; write 1024m"),
    (units.parse_memory, "1GB", "1GB is not spelled right; write 1g"),
    (units.parse_fraction, 3, "3 has no unit; write 3%"),
    (
        units.parse_fraction,
        0.03,
        "0.03 has no unit; write 0.03%, or 3% if a fraction of 1 was meant",
    ),
    (units.parse_fraction, "101%", "101% is more than 100%; write 0% to 100%"),
]


@pytest.mark.parametrize(("parse", "text", "said"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_a_wrong_spelling_names_the_right_one(parse: Parse, text: object, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said) + "$"):
        parse(text)
