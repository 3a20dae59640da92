"""Ride files as strangers have them: every one is read, or refused by its name with the way out."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fogbed.cli import main
from fogbed.errors import DatasetError, UsageError
from fogbed.stream_job.rides import datasets, importing
from fogbed.stream_job.rides import workshop as ride_workshop
from fogbed.stream_job.rides.columns import is_elsewhere
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.rides.describe import describe
from fogbed.stream_job.rides.notes import notes_of
from fogbed.stream_job.rides.writer import RidesWriter

CASES = Path(__file__).parents[1] / "cases" / "ride_files"
HEADER = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude\n"
ROWS = [f"2015-01-01 10:0{n}:00,2015-01-01 10:1{n}:00,-73.98,40.75\n" for n in range(5)]
CSV = (HEADER + "".join(ROWS)).encode()
TIMES = [datetime(2023, 1, 1, 0, 30) + timedelta(minutes=n) for n in range(4)]  # noqa: DTZ001 - wall clock


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own that commands are started in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def load(*names: Path | str, utc: bool = False) -> Dataset:
    plan = importing.plan_import([str(n) for n in names], name="d", utc=utc, force=True)
    dataset = importing.import_rides(plan)
    manifest = dataset.manifest
    assert manifest.rides + manifest.rejected == manifest.rows_read
    return dataset


def pickups(dataset: Dataset) -> list[str]:
    return [line.split(",")[1] for line in dataset.rides_file.read_text().splitlines()[1:]]


def problems_of(*names: Path | str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        importing.plan_import([str(n) for n in names], name="d")
    return (caught.value.details or "").splitlines()


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members:
            made.writestr(name, content)
    return path


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("r.csv", content)
    return made.getvalue()


def later(hours: int) -> bytes:
    return CSV.replace(b" 10:", b" %d:" % (10 + hours))


def parquet(path: Path, times: pa.Array, **more: pa.Array) -> Path:
    columns = {
        "tpep_pickup_datetime": times,
        "tpep_dropoff_datetime": times,
        "PULocationID": pa.array([132] * len(times)),
        **more,
    }
    with path.open("wb") as file:
        pq.write_table(pa.table(columns), file)
    return path


# --- names ------------------------------------------------------------------------------------


def test_a_literal_name_is_no_pattern() -> None:
    dataset = load(CASES / "yellow[1].parquet")
    zone = dataset.rides_file.read_text().splitlines()[1].split(",")[3:5]
    assert dataset.manifest.sources[0].path.endswith("yellow[1].parquet")
    # the other file's rides, those of yellow1.parquet, begin at zone 1
    other = load(CASES / "yellow1.parquet").rides_file.read_text().splitlines()[1].split(",")
    assert zone != other[3:5]


@pytest.mark.parametrize("name", ["r[1].csv", "r?.csv", "r*.csv", "r{1}.csv", "a b#%é.csv"])
def test_what_exists_is_meant_literally(name: str, here: Path) -> None:
    (here / "r1.csv").write_bytes(later(3))
    (here / name).write_bytes(CSV)
    assert pickups(load(name))[0] == "2015-01-01 10:00:00"


def test_the_folders_that_a_pattern_begins_with_are_literal_where_they_exist(here: Path) -> None:
    for folder, content in (("dir[1]", CSV), ("dir1", later(3))):
        (here / folder).mkdir()
        (here / folder / "r.csv").write_bytes(content)
    assert pickups(load("dir[1]/*.csv"))[0] == "2015-01-01 10:00:00"
    assert pickups(load(here / "dir[1]" / "*.csv"))[0] == "2015-01-01 10:00:00"
    assert load("d*/*.csv").manifest.rows_read == 10


def test_a_dataset_in_a_folder_with_a_patterns_characters_is_described_from_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "r.csv").write_bytes(CSV)
    (here / "other.csv").write_bytes(b"".join(CSV.splitlines(keepends=True)[:3]))
    monkeypatch.setenv("XDG_DATA_HOME", str(here / "data1"))
    load("other.csv")
    monkeypatch.setenv("XDG_DATA_HOME", str(here / "data[1]"))
    assert describe(load("r.csv")).usable == 5


def test_a_name_that_is_not_utf_8_is_read_and_shown_in_plain_text(here: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.csv")
    (here / name).write_bytes(CSV + b"x\n")
    dataset = load(name)
    assert dataset.manifest.sources[0].path == r"caf\xe9\n.csv"
    rejects = pq.read_table(dataset.rejects_file).to_pylist()
    assert rejects[0]["file"] == r"caf\xe9\n.csv"


def test_two_names_of_one_file_are_one_file(here: Path) -> None:
    (here / "r.csv").write_bytes(CSV)
    (here / "link.csv").symlink_to("r.csv")
    os.link("r.csv", "hard.csv")
    assert load("r.csv", "./r.csv", "link.csv", "hard.csv").manifest.rows_read == 5


def test_what_is_no_file_is_refused_each_by_its_name(here: Path) -> None:
    os.mkfifo("pipe")
    (here / "folder.csv").mkdir()
    (here / "loop").symlink_to("loop")
    (here / "nowhere").symlink_to("gone")
    assert problems_of("", "pipe", "folder.csv", "loop", "nowhere", "r.csv/x", "x" * 300) == [
        "'': no such file; check the path",
        "pipe: a pipe or a device, and files are read twice; save it to a file first",
        "folder.csv: a folder; name its files, as in 'folder.csv/*.parquet'",
        (
            "loop: cannot be reached (Too many levels of symbolic links); "
            "check the path and its rights"
        ),
        "nowhere: no such file; check the path",
        "r.csv/x: no such file; check the path",
        f"{'x' * 300}: cannot be reached (File name too long); check the path and its rights",
    ]


# --- packings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda content: gzip.compress(content[:90]) + gzip.compress(content[90:]),
        lambda content: content.replace(b"\n", b"\r"),
        lambda content: gzip.compress(content.replace(b"\n", b"\r")),
        lambda content: content.replace(b"\n", b"\r") + b"\n",
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: b"\xef\xbb\xbf" + content,
    ],
    ids=[
        "gzip",
        "bzip2",
        "xz",
        "gzip in parts",
        "old line ends",
        "packed",
        "and a new one",
        "crlf",
        "bom",
    ],
)
def test_the_same_rides_however_they_are_packed(pack: Callable[[bytes], bytes], here: Path) -> None:
    (here / "rides").write_bytes(pack(CSV))
    assert pickups(load("rides")) == [f"2015-01-01 10:0{n}:00" for n in range(5)]


def test_old_line_ends_are_read() -> None:
    dataset = load(CASES / "cr-only.csv")
    assert pickups(dataset) == [f"2013-08-12 10:0{n}:00" for n in range(5)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty: it has no line with column names; check the file"),
        (b"\n\n", "empty: it has no line with column names; check the file"),
        (CSV.replace(b",", b";"), "its fields are separated by semicolons; save it with commas"),
        (CSV.replace(b",", b"\t"), "its fields are separated by tabs; save it with commas"),
        (CSV.decode().encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (CSV.decode().encode("utf-16-le"), "UTF-16 text; save it as UTF-8"),
        (CSV.decode().encode("utf-16-be"), "UTF-16 text; save it as UTF-8"),
        (gzip.compress(CSV.decode().encode("utf-16-le")), "UTF-16 text; save it as UTF-8"),
        (b"\x28\xb5\x2f\xfd123", "packed by zstd; unpack it and name the files"),
        (b"7z\xbc\xaf\x27\x1c123", "a 7z archive; unpack it and name the files"),
        (b"\0\1\2" * 99, "neither text nor Parquet; save it as CSV or Parquet"),
        (b'"a"x\r\0b\n', "neither text nor Parquet; save it as CSV or Parquet"),
        (
            gzip.compress(b"r.csv".ljust(257, b"\0") + b"ustar"),
            "a tar archive; unpack it and name the files",
        ),
        (
            gzip.compress(CSV)[:30],
            (
                "cannot be read (Compressed file ended before the end-of-stream marker was "
                "reached); fetch it again"
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(content: bytes, why: str, here: Path) -> None:
    (here / "r.csv").write_bytes(content)
    assert problems_of("r.csv") == [f"r.csv: {why}"]


PAGE = b"""\xef\xbb\xbf
<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN"><html><head>
<title>404 Not
 Found</title></head><body>vendor_id,pickup_datetime</body></html>
"""
DENIED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>Q</RequestId></Error>"""


@pytest.mark.parametrize("name", ["r.csv", "r.parquet", "r.csv.gz", "r.zip", "r"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (PAGE, 'a web page ("404 Not Found")'),
        (b"<html>\n<body>Moved", "a web page"),
        (DENIED, 'an XML document ("Access Denied")'),
        (b'{"message": "Not Found"}', "a JSON document"),
        (b'[{"VendorID": 1}]', "a JSON document"),
    ],
)
def test_what_a_server_sent_in_place_of_the_file_is_named(
    name: str, pack: Callable[[bytes], bytes], content: bytes, what: str, here: Path
) -> None:
    (here / name).write_bytes(pack(content))
    way_out = "see where it came from and fetch the file itself"
    assert problems_of(name) == [f"{name}: {what}; {way_out}"]


def test_a_page_beside_the_table_of_a_zip_is_left_out(here: Path) -> None:
    path = archive(here / "r.zip", ("readme.html", PAGE), ("r.csv", CSV))
    assert len(pickups(load(path))) == len(ROWS)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
@pytest.mark.parametrize("share", [0.5, 0.999])
def test_an_archive_that_is_cut_anywhere_is_refused_by_name(
    pack: Callable[[bytes], bytes], share: float, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (f"{ROWS[0].strip()}{n * 2_654_435_761 % 10**9}\n" for n in range(20_000))
    whole = pack((HEADER + "".join(rows)).encode())
    (here / "r.any").write_bytes(whole[: int(share * len(whole))])
    assert main(["rides", "import", "r.any", "--name", "mine"]) == 2
    said = capsys.readouterr().err
    assert re.search(
        r"r\.any(:r\.csv)?:? cannot be read .*fetch (it|the file) again", said, re.DOTALL
    )
    assert "Traceback" not in said
    with pytest.raises(UsageError):
        datasets.find_dataset("mine")


def test_one_bad_archive_does_not_hide_the_problems_of_other_files(here: Path) -> None:
    (here / "cut.zip").write_bytes((CASES / "dupnames.zip").read_bytes()[:600])
    (here / "cut.parquet").write_bytes((CASES / "utc.parquet").read_bytes()[:900])
    (here / "r.csv").write_bytes(CSV)
    shutil.copy(CASES / "deflate64.zip", here)
    shutil.copy(CASES / "encrypted.zip", here)
    found = problems_of("cut.zip", "deflate64.zip", "encrypted.zip", "r.csv", "cut.parquet", "gone")
    assert found == [
        "gone: no such file; check the path",
        "cut.zip: cannot be read (File is not a zip file); fetch it again",
        (
            "deflate64.zip:g.csv: packed by Deflate64, which cannot be read here; "
            "unpack it and name the files"
        ),
        "encrypted.zip:g.csv: encrypted; unpack it and name the files",
        (
            "cut.parquet: cannot be read (Parquet magic bytes not found in footer. Either the file "
            "is corrupted or this is not a parquet file.); fetch it again"
        ),
    ]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(here: Path) -> None:
    (here / "r.csv").write_bytes(CSV)
    (here / "r.csv").chmod(0)
    assert problems_of("r.csv") == [
        "r.csv: may not be read (Permission denied); change its rights or its owner"
    ]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.usefixtures("here")
def test_folders_that_may_not_be_entered_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    (closed / "fogbed").mkdir(parents=True)
    closed.chmod(0)
    try:
        assert problems_of(closed / "r.csv") == [
            f"{closed}/r.csv: cannot be reached (Permission denied); check the path and its rights"
        ]
        monkeypatch.setenv("XDG_DATA_HOME", str(closed))
        with pytest.raises(DatasetError, match=r"closed/fogbed/rides.* cannot be read: Permission"):
            datasets.find_dataset("mine")
        monkeypatch.setenv("XDG_CACHE_HOME", str(closed))
        with pytest.raises(DatasetError, match=r"cannot be unpacked into .*: Permission denied"):
            datasets.find_dataset("nyc-sample")
    finally:
        closed.chmod(0o700)


# --- zips ---------------------------------------------------------------------------------------


def test_a_csv_and_a_parquet_in_one_zip_are_both_read() -> None:
    manifest = load(CASES / "csv_and_parquet.zip").manifest
    assert [(s.member, s.rows) for s in manifest.sources] == [("a.csv", 5), ("b.parquet", 6)]


def test_two_members_of_one_name_are_two_tables() -> None:
    manifest = load(CASES / "dupnames.zip").manifest
    assert [(s.member, s.rows) for s in manifest.sources] == [("a.csv", 5), ("a.csv (2)", 2)]


def test_every_member_is_read_or_named_as_left_out(here: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("r.csv", CSV)
    parquet(here / "p.parquet", pa.array(TIMES))
    archive(
        here / "all.zip",
        ("d/", b""),
        ("d/a.csv", CSV),
        ("b.csv.gz", gzip.compress(later(1))),
        ("no ending", bz2.compress(later(2))),
        ("p.parquet", (here / "p.parquet").read_bytes()),
        ("p.parquet.xz", lzma.compress((here / "p.parquet").read_bytes())),
        ("readme.txt", b"hello, there\n"),
        ("zones.csv", b"LocationID,Borough\n1,x\n"),
        ("t.tsv", CSV.replace(b",", b"\t")),
        ("in.zip", inner.getvalue()),
        ("__MACOSX/d/._a.csv", b"\0\5"),
        ("empty.csv", b""),
    )
    manifest = load("all.zip").manifest
    assert [s.member for s in manifest.sources] == [
        "d/a.csv",
        "b.csv.gz",
        "no ending",
        "p.parquet",
        "p.parquet.xz",
    ]
    assert manifest.rejected_by_reason == {"duplicate": 4}
    assert manifest.left_out == (
        "all.zip:readme.txt: no trip file; its columns: hello, there",
        "all.zip:zones.csv: no trip file; its columns: LocationID, Borough",
        "all.zip:t.tsv: its fields are separated by tabs; save it with commas",
        "all.zip:in.zip: a zip inside of another archive; unpack it and name the files",
        "all.zip:__MACOSX/d/._a.csv: macOS keeps its own there",
        "all.zip:empty.csv: empty: it has no line with column names; check the file",
    )
    assert [note for note in notes_of(manifest) if note.startswith("left out: ")] == [
        f"left out: {each}" for each in manifest.left_out
    ]


def test_a_zip_without_a_trip_file_is_refused(here: Path) -> None:
    archive(here / "empty.zip")
    archive(here / "none.zip", ("readme.txt", b"hello\n"))
    archive(here / "book.xlsx", ("xl/workbook.xml", b"<x/>"))
    assert problems_of("empty.zip", "none.zip", "book.xlsx") == [
        "empty.zip: no trip file inside (it is empty); check the file",
        (
            "none.zip: no trip file inside (readme.txt: no trip file; its columns: hello); "
            "check the file"
        ),
        "book.xlsx: an Excel workbook; save its sheet as CSV",
    ]


def test_a_damaged_member_is_a_problem_though_others_are_sound(here: Path) -> None:
    archive(here / "r.zip", ("a.csv", CSV), ("b.csv", later(1)))
    content = bytearray((here / "r.zip").read_bytes())
    content[content.index(later(1)) + 100] ^= 1
    (here / "r.zip").write_bytes(content)
    assert problems_of("r.zip") == [
        "r.zip:b.csv: cannot be read (Bad CRC-32 for file 'b.csv'); fetch it again"
    ]


# --- Parquet's columns --------------------------------------------------------------------------


LABELS = {
    "utc": "times labelled UTC, taken by their digits (--utc converts them): utc.parquet",
    "new-york": "times of the zone America/New_York, converted to New York's clock: "
    "new-york.parquet",
    "yellow1": "times as written, taken as New York's clock: yellow1.parquet",
}
IN_ANOTHER_ZONE = """\
import sys
from fogbed.stream_job.rides import importing
for name, path, utc in (line.split("|") for line in sys.argv[1:]):
    plan = importing.plan_import([path], name=name, utc=utc == "utc")
    print(importing.import_rides(plan).manifest.first_pickup)
"""


def test_times_are_the_same_on_every_computer() -> None:
    asked = [
        f"{name}{option}|{CASES / name}.parquet|{option}"
        for name in LABELS
        for option in ("", "utc")
    ]
    # the zone of a process is fixed when its libraries are loaded
    ran = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_ZONE, *asked],
        env={**os.environ, "TZ": "America/New_York"},
        capture_output=True,
        text=True,
        check=True,
    )
    as_written, converted = "2023-01-01 00:30:00", "2022-12-31 19:30:00"
    assert ran.stdout.splitlines() == [
        as_written,
        converted,
        converted,
        converted,
        as_written,
        converted,
    ]


def test_the_summary_says_what_times_were_taken_for() -> None:
    dataset = load(*(CASES / f"{name}.parquet" for name in LABELS))
    assert list(notes_of(dataset.manifest)) == list(LABELS.values())
    assert list(
        notes_of(load(CASES / "utc.parquet", CASES / "yellow1.parquet", utc=True).manifest)
    ) == ["times of UTC, converted to New York's clock: utc.parquet and 1 more"]


CLOCKS = {
    "2015-01-01 10:00:00,2015-01-01 10:09:00": (1, "10:00:00", "10:09:00"),
    "2015-01-01T10:00:00-05:00,2015-01-01T15:09:00Z": (2, "10:00:00", "10:09:00"),
    "2015-01-01 15:00:00+00:00,2015-01-01 20:39:00+0530": (2, "10:00:00", "10:09:00"),
    "2015-01-01 10:00:00-05:00,2015-01-01 15:09:00": (1, "10:00:00", ""),
    "2015-01-01 10:00:00 UTC,2015-01-01 10:09:00Z": (3, "10:00:00", "10:09:00"),
}


def test_a_rows_two_times_are_put_on_one_clock_and_the_summary_counts_it(here: Path) -> None:
    rows = [row for row, (times, *_) in CLOCKS.items() for _ in range(times)]
    text = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude\n"
    text += "".join(f"{row},-73.98,40.7{place}\n" for place, row in enumerate(rows))
    (here / "r.csv").write_text(text)
    dataset = load("r.csv")
    rides = [line.split(",") for line in dataset.rides_file.read_text().splitlines()[1:]]
    times = {int(ride[8][2:]) - 2: [time[11:] for time in ride[1:3]] for ride in rides}
    assert [times[row] for row in range(9)] == [
        wanted for count, *wanted in CLOCKS.values() for _ in range(count)
    ]
    assert dataset.manifest.without_dropoff == 1
    assert list(notes_of(dataset.manifest)) == [
        "times as written, taken as New York's clock: r.csv",
        "times with a zone or an offset, converted to New York's clock: 5 rides of r.csv",
        "times labelled UTC, taken by their digits (--utc converts them): 3 rides of r.csv",
        (
            "1 ride with a zone or an offset at only one of the two times: the drop-off is left "
            "out (--utc takes a time without a zone for UTC's): r.csv"
        ),
        "1 ride without a drop-off time: durations could not be judged",
    ]
    assert list(notes_of(load("r.csv", utc=True).manifest)) == [
        "times of UTC, converted to New York's clock: r.csv",
        "times with a zone or an offset, converted to New York's clock: 5 rides of r.csv",
    ]


def test_a_text_in_which_no_time_is_as_written_is_not_said_to_be(here: Path) -> None:
    text = "pickup_datetime,pickup_longitude,pickup_latitude\n2015-01-01T10:00:00Z,-73.98,40.75\n"
    for name in ("a.csv", "b.csv"):
        (here / name).write_text(text.replace("T10", "T11") if name == "b.csv" else text)
    assert list(notes_of(load("a.csv", "b.csv").manifest))[:-1] == [
        (
            "times labelled UTC, taken by their digits (--utc converts them): "
            "2 rides of a.csv and 1 more"
        )
    ]


@pytest.mark.parametrize(
    ("zones", "utc", "ends"),
    [
        (("Asia/Tokyo", None), False, {""}),
        ((None, "Asia/Tokyo"), False, {""}),
        (("Asia/Tokyo", None), True, {"19:39:00"}),
        (("Asia/Tokyo", "UTC"), False, {"19:39:00"}),
        (("UTC", "Asia/Tokyo"), False, {"19:39:00"}),
        (("UTC", None), False, {"00:39:00"}),
        (("Asia/Tokyo", "Europe/Berlin"), False, {"19:39:00"}),
    ],
)
def test_a_zone_at_one_column_of_parquet_decides_for_the_other(
    zones: tuple[str | None, str | None],
    utc: bool,  # noqa: FBT001 - a case
    ends: set[str],
    here: Path,
) -> None:
    moments = [datetime(2023, 1, 1, 0, minute) for minute in (30, 39)]  # noqa: DTZ001 - cast below
    pickup, dropoff = (
        pa.array([moment] * 2, pa.timestamp("us")).cast(pa.int64()).cast(pa.timestamp("us", zone))
        for moment, zone in zip(moments, zones, strict=True)
    )
    source = parquet(
        here / "r.parquet", pickup, tpep_dropoff_datetime=dropoff, PULocationID=pa.array([1, 132])
    )
    dataset = load(source, utc=utc)
    rides = [line.split(",") for line in dataset.rides_file.read_text().splitlines()[1:]]
    assert {ride[2][11:] for ride in rides} == ends
    assert dataset.manifest.without_dropoff == (2 if ends == {""} else 0)
    notes = [note for note in notes_of(dataset.manifest) if "only one of" in note]
    assert [note[:7] for note in notes] == (["2 rides"] if ends == {""} else [])


def test_labels_that_are_utc_and_those_that_are_not() -> None:
    assert not any(map(is_elsewhere, ["", "UTC", "utc", "Etc/UTC", "GMT", "Z", "+00:00", "+0000"]))
    assert all(map(is_elsewhere, ["America/New_York", "EST", "-05:00", "Etc/GMT+5", "+00:30"]))


def test_times_of_every_unit_and_zone(here: Path) -> None:
    digits, converted = "2023-01-01 00:30:00", "2022-12-31 19:30:00"
    zones = {None: digits, "UTC": digits, "US/Eastern": converted, "Europe/Berlin": converted}
    expected = {}
    for number, (zone, unit) in enumerate(itertools.product(zones, ["s", "ns"]), 1):
        instants = pa.array(TIMES[:1], pa.timestamp(unit)).cast(pa.int64())
        times = instants.cast(pa.timestamp(unit, zone))
        parquet(here / f"{number:02}.parquet", times, PULocationID=pa.array([number + 3]))
        expected[f"{number}:1"] = zones[zone]
    rides = [line.split(",") for line in load("*.parquet").rides_file.read_text().splitlines()]
    assert {ride[8]: ride[1] for ride in rides[1:]} == expected


def test_text_with_an_offset_of_its_own_is_not_converted_as_utc(here: Path) -> None:
    rows = ["2015-01-01 10:00:00+00,,", "2015-01-01 10:00:00 UTC,,", "2015-07-01 10:00,,"]
    text = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude\n"
    (here / "r.csv").write_text(text + "".join(f"{row[:-1]},-73.98,40.75\n" for row in rows))
    assert pickups(load("r.csv", utc=True)) == [
        "2015-01-01 05:00:00",
        "2015-01-01 05:00:00",
        "2015-07-01 06:00:00",
    ]
    assert pickups(load("r.csv"))[-1] == "2015-07-01 10:00:00"


@pytest.mark.usefixtures("here")
def test_the_old_96_bit_times_are_read() -> None:
    table = pa.table(
        {
            "pickup_datetime": [*TIMES[:1], datetime(9999, 1, 1)],  # noqa: DTZ001 - wall clock
            "dropoff_datetime": [*TIMES[:1], datetime(9999, 1, 1)],  # noqa: DTZ001 - wall clock
            "PULocationID": [132, 132],
        }
    )
    pq.write_table(table, "r.parquet", use_deprecated_int96_timestamps=True)
    manifest = load("r.parquet").manifest
    assert manifest.first_pickup == manifest.last_pickup == "2023-01-01 00:30:00"
    assert manifest.rejected_by_reason == {"impossible_time": 1}


def test_columns_that_nobody_needs_decide_nothing(here: Path) -> None:
    dataset = load(CASES / "two-months.parquet")
    assert dataset.manifest.rides == 4
    odd = parquet(
        here / "odd.parquet",
        pa.array(TIMES),
        line=pa.array([7] * 4),
        half=pa.array([1.5, None, 2, 3], pa.float16()),
        wide=pa.nulls(4, pa.decimal256(60, 2)),
        nested=pa.array([{"a": [1]}] * 4),
        nothing=pa.nulls(4),
        **{"x y\"'": pa.array([1] * 4)},
    )
    assert load(odd).manifest.rides == 4


def test_rejects_show_columns_whose_names_differ_by_case_only(here: Path) -> None:
    source = parquet(
        here / "r.parquet",
        pa.array(TIMES),
        fee=pa.array([1, 2, 3, 4]),
        Fee=pa.array([5, 6, 7, 8]),
        PULocationID=pa.array([132, 265, 132, 132]),
    )
    raw = pq.read_table(load(source).rejects_file).to_pylist()[0]["raw"]
    assert "'fee': 2, 'Fee_2': 6" in raw


def test_a_needed_column_that_is_there_twice_is_refused(here: Path) -> None:
    parquet(here / "r.parquet", pa.array(TIMES), PUlocationid=pa.array([1] * 4))
    assert problems_of("r.parquet") == [
        (
            "r.parquet: more than one column PULocationID: leave one of them out; its columns: "
            "tpep_pickup_datetime, tpep_dropoff_datetime, PULocationID, PUlocationid"
        )
    ]


def test_a_corrupt_page_is_told_with_the_files_name() -> None:
    with pytest.raises(DatasetError) as caught:
        load(CASES / "corrupt_page.parquet")
    assert caught.value.message == f"{CASES / 'corrupt_page.parquet'}: a page of it is damaged"
    assert caught.value.hint == "fetch it again, or leave it out"
    assert not list(datasets.datasets_dir().iterdir())


def test_a_page_whose_header_is_damaged_is_told_in_our_words(here: Path) -> None:
    source = parquet(here / "r.parquet", pa.array(TIMES))
    content = bytearray(source.read_bytes())
    content[4:7] = b"\xff" * 3
    source.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        load("r.parquet")
    assert caught.value.message == "r.parquet: a page of it is damaged"
    assert caught.value.hint == "fetch it again, or leave it out"
    assert "\n" not in str(caught.value.details)


# --- files without a drop-off -------------------------------------------------------------------

FARE = (
    "key,fare_amount,pickup_datetime,pickup_longitude,pickup_latitude,dropoff_longitude,"
    "dropoff_latitude,passenger_count\n"
    "2009-06-15 17:26:21.0000001,4.5,2009-06-15 17:26:21 UTC,-73.844311,40.721319,-73.84161,"
    "40.712278,1\n"
)
TEST = (
    "id,vendor_id,pickup_datetime,passenger_count,pickup_longitude,pickup_latitude,"
    "dropoff_longitude,dropoff_latitude,store_and_fwd_flag\n"
    "id3004672,1,2016-06-30 23:59:58,1,-73.98812866,40.73202896,-73.99017334,40.75667953,N\n"
)
FHV_2015 = "Dispatching_base_num,Pickup_date,locationID\nB00013,2015-01-01 00:30:00,132\n"
FHV_2019 = (
    '"dispatching_base_num","pickup_datetime","dropoff_datetime","PULocationID","DOLocationID",'
    '"SR_Flag"\n"B00001","2019-01-01 00:30:00","","132","265",""\n'
)


@pytest.mark.parametrize("text", [FARE, TEST, FHV_2015, FHV_2019])
def test_files_without_a_drop_off_time_are_taken(text: str, here: Path) -> None:
    (here / "r.csv").write_text(text)
    dataset = load("r.csv")
    assert (dataset.manifest.rides, dataset.manifest.without_dropoff) == (1, 1)
    assert dataset.rides_file.read_text().splitlines()[1].split(",")[2] == ""
    notes = list(notes_of(dataset.manifest))
    assert "1 ride without a drop-off time: durations could not be judged" in notes
    assert describe(dataset).usable == 1


@pytest.mark.usefixtures("here")
def test_for_hire_files_with_zones_are_taken() -> None:
    times = pa.array(TIMES)
    columns = {
        "hvfhs_license_num": pa.array(["HV0003"] * 4),
        "request_datetime": pa.array(TIMES, pa.timestamp("us", "Asia/Tokyo")),
        "pickup_datetime": times,
        "dropoff_datetime": times,
        "PULocationID": pa.array([132] * 4),
        "DOLocationID": pa.array([1] * 4),
    }
    pq.write_table(pa.table(columns), "fhvhv.parquet")
    manifest = load("fhvhv.parquet").manifest
    assert (manifest.rides, manifest.places["zone"]) == (4, 4)


# --- nothing usable, and two at once ------------------------------------------------------------


def test_nothing_usable_is_refused_and_kept_only_when_asked(here: Path) -> None:
    day = pa.array([date(2023, 1, 1)] * 2)
    parquet(here / "r.parquet", day)
    plan = importing.plan_import(["r.parquet"], name="d")
    with pytest.raises(DatasetError) as caught:
        importing.import_rides(plan)
    assert caught.value.message == "d was not imported: no row of 2 can be used"
    assert caught.value.details == (
        "bad_time: 2, the first r.parquet:1: {'tpep_pickup_datetime': 2023-01-01, "
        "'tpep_dropoff_datetime': 2023-01-01, 'PULocationID': 132}"
    )
    assert not list(datasets.datasets_dir().iterdir())
    kept = importing.plan_import(["r.parquet"], name="d", allow_empty=True)
    assert importing.import_rides(kept).manifest.usable == 0
    with pytest.raises(UsageError, match="dataset d has no usable ride"):
        datasets.find_usable("d")


def test_raw_rides_that_are_all_bad_are_nothing_usable(here: Path) -> None:
    (here / "r.csv").write_text(f"{HEADER}2015-01-01 10:00:00,2015-01-01 10:01:00,0,0\n")
    plan = importing.plan_import(["r.csv"], name="d", raw=True)
    with pytest.raises(DatasetError, match="no row of 1 can be used"):
        importing.import_rides(plan)


def test_a_second_import_of_a_name_is_refused_while_the_first_is_at_work(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "r.csv").write_bytes(CSV)
    plan = importing.plan_import(["r.csv"], name="d", force=True)
    inside, go_on = threading.Event(), threading.Event()
    write = RidesWriter.write

    def wait_and_write(self: RidesWriter, batch: pa.RecordBatch) -> pa.RecordBatch:
        inside.set()
        assert go_on.wait(60)
        return write(self, batch)

    monkeypatch.setattr(RidesWriter, "write", wait_and_write)
    first = threading.Thread(target=importing.import_rides, args=(plan,))
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(UsageError, match="another import of d is at work"):
            importing.import_rides(plan)
    finally:
        go_on.set()
        first.join()
    assert datasets.find_dataset("d").manifest.rides == 5
    assert [path.name for path in datasets.datasets_dir().iterdir()] == ["d"]


def test_a_name_that_was_taken_since_the_plan_is_refused(here: Path) -> None:
    (here / "r.csv").write_bytes(CSV)
    early = importing.plan_import(["r.csv"], name="d")
    load("r.csv")
    before = json.loads((datasets.datasets_dir() / "d" / datasets.MANIFEST).read_text())
    with pytest.raises(UsageError) as caught:
        importing.import_rides(early)
    assert "there is such a dataset already" in (caught.value.details or "")
    assert json.loads((datasets.datasets_dir() / "d" / datasets.MANIFEST).read_text()) == before


KILLED_BETWEEN = """
import os, signal
from pathlib import Path
from fogbed.stream_job.rides import datasets, workshop

renamed = Path.rename


def once(self, target):
    renamed(self, target)
    os.kill(os.getpid(), signal.SIGKILL)


folder = datasets.datasets_dir() / "d"
with workshop.open_workshop(folder) as home:
    (home / "made").mkdir()
    Path.rename = once
    workshop.publish(home / "made", folder)
"""


@pytest.mark.parametrize("name", ["d", "other"])
def test_what_an_import_killed_while_it_published_would_replace_comes_back(
    here: Path, name: str
) -> None:
    (here / "r.csv").write_bytes(CSV)
    before = load("r.csv")
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not before.folder.exists()
    with ride_workshop.open_workshop(datasets.datasets_dir() / name):
        assert datasets.find_dataset("d").manifest == before.manifest


def test_ctrl_c_while_a_dataset_is_replaced_leaves_the_old_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "r.csv").write_bytes(CSV)
    before = load("r.csv")
    renamed = Path.rename

    def interrupted(self: Path, target: Path) -> None:
        renamed(self, target)
        monkeypatch.undo()
        raise KeyboardInterrupt

    def replace() -> None:
        with ride_workshop.open_workshop(before.folder) as home:
            (home / "made").mkdir()
            monkeypatch.setattr(Path, "rename", interrupted)
            ride_workshop.publish(home / "made", before.folder)

    with pytest.raises(KeyboardInterrupt):
        replace()
    assert datasets.open_dataset(before.folder).manifest == before.manifest


def test_a_sweep_leaves_an_import_at_work_alone(here: Path) -> None:
    with ride_workshop.open_workshop(datasets.datasets_dir() / "other") as workshop:
        (workshop / "made").mkdir()
        (here / "r.csv").write_bytes(CSV)
        load("r.csv")
        assert (workshop / "made").is_dir()


def test_a_data_folder_that_cannot_be_made_is_refused_before_anything_is_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(here / "data"))
    (here / "data").mkdir()
    (here / "data" / "fogbed").write_text("a file")
    (here / "r.csv").write_bytes(CSV)
    with pytest.raises(UsageError) as caught:
        load("r.csv")
    said = caught.value.details or ""
    assert f"{here / 'data' / 'fogbed'} is not a folder" in said
    assert "XDG_DATA_HOME" in said
