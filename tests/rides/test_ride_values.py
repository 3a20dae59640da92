"""Rows and their values are read as a second, slow reader reads them; what is not sure is not."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbed.errors import UsageError
from fogbed.stream_job.rides import importing, reasons
from fogbed.stream_job.rides.datasets import HEADER as PREPARED
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.rides.duplicates import Duplicates
from fogbed.stream_job.rides.times import form_sql, plain_sql, time_sql, whole_seconds_sql
from tests.rides.slow_rides import NEW_YORK, Verdict, read_rides, read_time

CASES = Path(__file__).parents[1] / "cases" / "ride_values"
HEADER = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude"
TIMES = "2015-01-01 10:00:00,2015-01-01 10:09:00"
PLACE = "-73.98,40.75"


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


def load(content: bytes, *, raw: bool = False, utc: bool = False) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder, "r.csv")).write_bytes(content)
        plan = importing.plan_import(
            [str(source)], name="d", raw=raw, utc=utc, force=True, allow_empty=True
        )
        return importing.import_rides(plan)


def verdicts_of(dataset: Dataset) -> list[Verdict]:
    """Return what the import made of each row, in the order of the file."""
    lines = dataset.rides_file.read_bytes().decode().split("\n")
    assert (lines[0], lines[-1]) == (PREPARED, "")
    rides = [line.split(",") for line in lines[1:-1]]
    found = [Verdict(int(r[8].split(":")[1]), "", tuple(r[1:8])) for r in rides]
    found += [Verdict(int(row["line"]), row["reason"]) for row in rejects_of(dataset)]
    manifest = dataset.manifest
    assert manifest.rides + manifest.rejected == manifest.rows_read == len(found)
    return sorted(found, key=lambda verdict: verdict.line)


def rejects_of(dataset: Dataset) -> list[dict[str, str]]:
    return pq.read_table(dataset.rejects_file).to_pylist()


@pytest.mark.parametrize("utc", [False, True])
@pytest.mark.parametrize("case", sorted(CASES.glob("*.csv")), ids=lambda path: path.stem)
def test_both_readers_agree_on_the_cases(case: Path, utc: bool) -> None:  # noqa: FBT001 - a case
    content = case.read_bytes()
    assert verdicts_of(load(content, utc=utc)) == list(read_rides(content, utc=utc))


def reasons_of(content: bytes, *, raw: bool = False) -> list[str]:
    return [verdict.reason for verdict in verdicts_of(load(content, raw=raw))]


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("cut_lat", ["", "unreadable"]),
        ("cut_zone", ["", "unreadable"]),
        ("header_multi", ["", ""]),
        ("t2", [""] * 9),
    ],
)
def test_the_cases_are_judged_as_they_should_be(case: str, wanted: list[str]) -> None:
    assert reasons_of((CASES / f"{case}.csv").read_bytes()) == wanted


def test_zones_are_whole_numbers() -> None:
    content = (CASES / "zones.csv").read_bytes()
    rows = list(csv.reader(content.decode().splitlines()))
    unknown = {rows[v.line - 1][3] for v in verdicts_of(load(content)) if v.reason}
    assert unknown >= {"132.4", "132.6", "1_32", "1e2", "abc", "", "0", "-1", "264", "265", "266"}
    assert not unknown & {"132", "132.0", " 132 ", "0132"}


@pytest.mark.parametrize(
    ("last", "cut", "whole"),
    [
        (f"1,{TIMES},{PLACE},5", "", ""),  # what was cut, if anything was, nobody needs
        (f"1,{TIMES},{PLACE},", "", ""),
        (f"1,{TIMES},{PLACE}", "unreadable", ""),
        (f"1,{TIMES},-73.98", "unreadable", "unreadable"),
    ],
)
def test_a_last_line_without_a_line_end(last: str, cut: str, whole: str) -> None:
    content = f"VendorID,{HEADER},total\n1,{TIMES},-73.98,40.7,1\n{last}".encode()
    assert reasons_of(content) == ["", cut]
    assert reasons_of(content + b"\r\n") == ["", whole]


@pytest.mark.parametrize(
    "odd",
    [
        "," * (1 << 20),
        f'{TIMES},"{"x" * 200_000}",{PLACE}',
        f'{TIMES},"{"x" * 131_073}",{PLACE}',
        "," * 60_000,
    ],
    ids=["a megabyte of commas", "200 KB", "a byte over Python's limit", "60,000 fields"],
)
def test_rows_without_measure_are_unreadable_and_the_others_are_read(odd: str) -> None:
    header = "pickup_datetime,dropoff_datetime,note,pickup_longitude,pickup_latitude"
    good = f"{TIMES},x,{PLACE}"
    dataset = load("\n".join([header, *[odd] * 20, good, ""]).encode())
    assert dataset.manifest.rejected_by_reason == {"unreadable": 20}
    assert dataset.manifest.rides == 1
    assert {len(row["raw"]) < 1 << 16 for row in rejects_of(dataset)} == {True}


def test_a_duplicate_is_shown_as_the_line_that_was_read() -> None:
    row = f'2015-01-01T10:00:00.5, "2015-01-01 10:09:00",{PLACE}'
    other = f"{TIMES},-73.97,40.75"
    dataset = load(f"{HEADER}\n{row}\n{other}\n{row}\nx\n{other}\n".encode())
    found = [(r["line"], r["reason"], r["raw"]) for r in rejects_of(dataset)]
    assert sorted(found) == [
        (4, "duplicate", row),
        (5, "unreadable", "x"),
        (6, "duplicate", other),
    ]


@pytest.mark.parametrize("time", ["epoch", "infinity", "-infinity", "now", "today"])
def test_raw_keeps_the_names_of_times_as_they_are(time: str) -> None:
    dataset = load(f"{HEADER}\n{time},{TIMES[:19]},{PLACE}\n".encode(), raw=True)
    assert dataset.manifest.kept_bad == {"bad_time": 1}
    assert verdicts_of(dataset)[0].fields[0] == time


def test_raw_writes_no_line_end_that_stands_inside_of_a_field() -> None:
    dataset = load(f"{HEADER}\n{TIMES},-7\r3.98,40.75\n".encode(), raw=True)
    assert b"\r" not in dataset.rides_file.read_bytes()


def test_a_quote_that_is_never_closed_is_told_with_the_file() -> None:
    with pytest.raises(UsageError) as error:
        load(f'{HEADER},"total\n{TIMES},{PLACE},1\n'.encode())
    assert "r.csv: cannot be read (a quote among its column names" in str(error.value.details)


# --- times ----------------------------------------------------------------------------------------

_OFFSETS = ["", "Z", "+00:00", " UTC", "-05:00", "-0400", "+05:30", "+14", "-00:30", " +01:00"]
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # noqa: DTZ001 - wall clock


def import_time(text: str, *, utc: bool) -> datetime | None:
    """Return what the import's SQL makes of a text."""
    values = f"SELECT ?::VARCHAR AS a, {plain_sql('a')} AS plain"
    formed = f"SELECT *, {form_sql('a', 'plain')} AS form FROM ({values})"  # noqa: S608 - ours
    time = time_sql("a", "plain", "form", is_utc=str(utc))
    read = f"SELECT {time} AS t FROM ({formed})"  # noqa: S608 - ours
    whole = f"SELECT {whole_seconds_sql('t')} FROM ({read})"  # noqa: S608 - ours
    row = duckdb.execute(whole, [text]).fetchone()
    assert row is not None
    found: datetime | None = row[0]
    return found


@settings(max_examples=300, deadline=None)
@given(
    moment=moments,
    between=st.sampled_from("T "),
    decimals=st.sampled_from([None, 0, 1, 3, 6]),
    more=st.sampled_from(["", "0", "789"]),
    offset=st.sampled_from(_OFFSETS),
    utc=st.booleans(),
)
def test_iso_times_are_the_instants_that_python_reads(
    moment: datetime,
    between: str,
    decimals: int | None,
    more: str,
    offset: str,
    utc: bool,  # noqa: FBT001
) -> None:
    text = f"{moment:%H:%M}" if decimals is None else f"{moment:%H:%M:%S}"
    if decimals:
        text += f".{moment.microsecond:06}"[: decimals + 1] + more
    text = f"{moment.date().isoformat()}{between}{text}{offset}"
    # Python has no name for UTC, no spaces before an offset, and no more than six decimals
    wanted = datetime.fromisoformat(text.replace(" UTC", "Z").replace(" +", "+"))
    if wanted.utcoffset() or utc:
        wanted = wanted.replace(tzinfo=wanted.tzinfo or UTC).astimezone(NEW_YORK)
    assert import_time(text, utc=utc) == wanted.replace(tzinfo=None, microsecond=0)


@settings(max_examples=300, deadline=None)
@given(text=st.text("0123456789-/:T .+ZUTCAPM", max_size=30), utc=st.booleans())
def test_no_other_text_is_a_time_to_one_reader_alone(text: str, utc: bool) -> None:  # noqa: FBT001
    assert import_time(text, utc=utc) == read_time(text, utc=utc)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1/2/15 3:04", "2015-01-02 03:04:00"),
        ("12/31/2015 12:04:05 AM", "2015-12-31 00:04:05"),
        ("2015-07-01T10:00:00-05:00", "2015-07-01 11:00:00"),
        ("2015-01-01T10:00:00-05:00", "2015-01-01 10:00:00"),
        ("2015-07-01 10:00:00 UTC", "2015-07-01 10:00:00"),
        ("2015-07-01T10:00:00.123456789Z", "2015-07-01 10:00:00"),
        ("2015-07-01T10:00", "2015-07-01 10:00:00"),
        ("2015-1-03 10:00:00", None),
        ("2015-01-03 21:36:0", None),
        ("2015-01-03 9:36:00", None),
        ("1/3/2015 9:6", None),
        ("2015-01-01 24:00:00", None),
        ("2016-12-31 23:59:60", None),
        ("0000-01-01 00:00:00", None),
        ("10000-01-01 00:00:00", None),
        ("2015-01-01 10:00:00+16:00", None),
        ("epoch", None),
        ("infinity", None),
    ],
)
def test_times_and_no_times(text: str, wanted: str | None) -> None:
    found = import_time(text, utc=False)
    assert (str(found) if found else None) == wanted


# --- duplicates -----------------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    rides=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=20),
)
def test_duplicates_are_those_that_a_set_finds(
    rides: list[tuple[int, int]], cuts: list[int]
) -> None:
    rides.sort(key=lambda ride: ride[0])
    seen: set[tuple[int, int]] = set()
    wanted = [ride in seen or seen.add(ride) is not None for ride in rides]
    duplicates, found = Duplicates(), []
    for part in np.split(np.array(rides, np.int64).reshape(-1, 2), sorted(cuts)):
        found += duplicates.find(part[:, 0], part[:, 1].astype(np.uint64)).tolist()
    assert found == wanted


def test_a_second_of_a_million_rides_is_kept_in_few_runs() -> None:
    duplicates = Duplicates()
    hashes = np.arange(1_000_000, dtype=np.uint64)
    for part in np.split(hashes, 100):
        assert not duplicates.find(np.zeros(len(part), np.int64), part).any()
        assert len(duplicates._runs) <= 8
    assert duplicates.find(np.zeros(3, np.int64), hashes[[5, 7, 999_999]]).all()


# --- whole files ----------------------------------------------------------------------------------

ODD = json.loads((CASES / "odd-values.json").read_text("utf-8"))


def odd_file(chance: random.Random) -> bytes:
    """Make a file in which one value in four is odd, by one of the ways files are written."""
    goods = {"time": TIMES.split(","), "zone": ["132", "1"], "number": [""], "any": ["1", "x"]}
    columns = {"tpep_pickup_datetime": "time", "tpep_dropoff_datetime": "time"}
    columns |= {"PULocationID": "zone"} if chance.random() < 0.5 else {}
    if "PULocationID" not in columns or chance.random() < 0.3:
        columns |= {"pickup_longitude": "lon", "pickup_latitude": "lat"}
    columns |= {"total": "any"} if chance.random() < 0.5 else {}

    def value(kind: str) -> str:
        low, high = (-74, -73.7) if kind == "lon" else (40.5, 40.9)
        kind = "number" if kind in ("lon", "lat") else kind
        if chance.random() < 0.25:
            return str(chance.choice(ODD[kind]))
        return (
            f"{chance.uniform(low, high):.6f}" if kind == "number" else chance.choice(goods[kind])
        )

    rows = [",".join(columns)]
    for _ in range(chance.randrange(40)):
        row = ",".join(value(kind) for kind in columns.values())
        rows += [row] * chance.choice([1] * 9 + [2]) + chance.choice([[]] * 9 + [["", "x", ",,"]])
    end = chance.choice(["\n", "\r\n", "\r\r\n"])
    text = end.join(rows) + chance.choice([end, end, ""])
    return text.encode(chance.choice(["utf-8", "utf-8-sig", "latin-1"]), "replace")


@pytest.mark.parametrize("seed", range(12))
def test_both_readers_agree_on_files_of_odd_values(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    content, utc = odd_file(chance), chance.random() < 0.3
    wanted = list(read_rides(content, utc=utc))
    assert verdicts_of(load(content, utc=utc)) == wanted
    manifest = load(content, utc=utc, raw=True).manifest
    bad = Counter(verdict.reason for verdict in wanted if verdict.reason)
    assert Counter(manifest.kept_bad) + Counter(manifest.rejected_by_reason) == bad
    assert set(manifest.kept_bad) <= set(reasons.PARSE_REASONS)
