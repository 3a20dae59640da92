"""Ride files with everything strangers put into them, made by chance, the same each time."""

from __future__ import annotations

import random

_HEADERS = (
    (
        "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,pickup_longitude,pickup_latitude,"
        "dropoff_longitude,dropoff_latitude,total"
    ),
    "pickup_datetime, dropoff_datetime, pickup_longitude, pickup_latitude",
    "tpep_pickup_datetime,tpep_dropoff_datetime,PULocationID,DOLocationID,note",
    'note,"pickup_datetime",dropoff_datetime,pickup_longitude,pickup_latitude,PULocationID',
    "pickup_latitude,pickup_longitude,pickup_datetime",
)
_TIMES = (
    "2015-01-01T10:00:00Z",
    "2015-07-01 10:00:00+02:00",
    "1/2/2015 3:04:05 PM",
    "2015-02-30 10:00:00",
    "2008-12-31 23:59:59",
    "2015-01-01 10:00:00.75",
    "",
    "epoch",
)
_PLACES = ("0", "", "nan", "-7_3.98", "+40.75", "4.075e1", "90", " 40.75", "40.75 ", "-73.98\t")
_FIELDS = ("", "N", '"a, b"', '"say ""x"""', 'a"b', "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "\0")
_ODD_LINES = (
    b"",
    b" ",
    b",",
    b"x",
    b",,,,,,,,,,,,",
    b'"',
    b'"open,1,2,3,4,5,6,7',
    b"\xff\xfe,\xc3",
    b"\x01",
    b"a\x01b,1,2",
    b"a\rb,1,2",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"a , b,\tc ,d",
    b"," * 998,
    b"," * 1000,
    b"y" * 1001,
    b"z," * 40_000,
)


def nasty_file(seed: int, *, rows: int | None = None) -> bytes:
    """Return a file of rides; odd seeds are tame (few odd values), even ones are not."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    oddity = (0.25, 0.002)[seed % 2]
    few = chance.choice((0, 1, 30, 200, 3000))
    header = chance.choice(_HEADERS)
    end = chance.choice((b"\n", b"\n", b"\r\n", b"\r\r\n"))
    lines = [header.encode()]
    for _ in range(few if rows is None else rows):
        if chance.random() < oddity / 3:
            lines.append(chance.choice(_ODD_LINES))
        if chance.random() < oddity / 3:
            lines.append(chance.choice(lines[1:] or [b""]))
        lines.append(_row(header, chance, oddity))
    ends = [_line_end(chance, end, oddity) for _ in lines]
    ends[-1] = chance.choice((end, b"", b"\r"))
    start = chance.choice((b"", b"", b"\xef\xbb\xbf", b"\n", end * 2))
    return start + b"".join(line + mark for line, mark in zip(lines, ends, strict=True))


def _line_end(chance: random.Random, end: bytes, oddity: float) -> bytes:
    is_odd = chance.random() < oddity / 10
    return chance.choice((b"\n", b"\r\n", b"\n\n", b"\n\r\n")) if is_odd else end


def _row(header: str, chance: random.Random, oddity: float) -> bytes:
    at = chance.randrange(600)
    times = [
        f"2015-01-01 10:{at // 60:02}:{at % 60:02}",
        f"2015-01-01 11:{at // 60:02}:{at % 60:02}",
    ]
    fields = []
    for name in header.lower().replace('"', "").split(","):
        is_odd = chance.random() < oddity
        if "time" in name:
            fields.append(chance.choice(_TIMES) if is_odd else times["dropoff" in name])
        elif "itude" in name:
            low = -74.02 if "lon" in name else 40.6
            fields.append(chance.choice(_PLACES) if is_odd else f"{low + chance.random() / 5:.5f}")
        elif "location" in name:
            fields.append(chance.choice(("0", "264", "1.0", "x")) if is_odd else f"{at % 263 + 1}")
        else:
            fields.append(chance.choice(_FIELDS) if is_odd else "1")
    if chance.random() < oddity / 10:
        fields = fields[: chance.randrange(len(fields))] or ["only"]
    text = ",".join(fields) + chance.choice(("", " ", ",", ",,")) * (chance.random() < oddity)
    return text.encode(chance.choice(("utf-8", "latin-1")) if oddity > 0.1 else "utf-8")
