"""Trip files of every year become datasets in which every row is accounted for."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import shutil
import tempfile
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import paths
from fogbed.errors import DatasetError, UsageError
from fogbed.stream_job.rides import datasets, importing, reasons
from fogbed.stream_job.rides import judging as ride_judging
from fogbed.stream_job.rides import lines as ride_lines
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.rides.writer import RidesWriter
from tests.rides.slow_rides import judge

CASES = Path(__file__).parents[1] / "cases" / "rides"
SHARED = Path(__file__).parents[3] / "shared" / "data"
HEADER = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude"


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


def load(*sources: Path | str, name: str = "d", raw: bool = False) -> Dataset:
    plan = importing.plan_import(
        [str(s) for s in sources], name=name, raw=raw, force=True, allow_empty=True
    )
    return importing.import_rides(plan)


def lines_of(dataset: Dataset) -> list[str]:
    lines = dataset.rides_file.read_text("utf-8").splitlines()
    assert lines[0] == datasets.HEADER
    return lines[1:]


def rejects_of(dataset: Dataset) -> pd.DataFrame:
    return pq.read_table(dataset.rejects_file).to_pandas()


@pytest.mark.parametrize("case", sorted(CASES.glob("*.csv")), ids=lambda p: p.stem)
@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
def test_files_of_every_year_and_packing(case: Path, packing: str, tmp_path: Path) -> None:
    expected = json.loads(case.with_suffix(".json").read_text("utf-8"))
    source = case
    if packing == "gz":
        source = tmp_path / "rides.csv.gz"
        source.write_bytes(gzip.compress(case.read_bytes()))
    elif packing == "zip":
        source = tmp_path / "rides.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(case, "inside/rides.csv")
    dataset = load(source)
    assert lines_of(dataset) == expected["lines"]
    manifest = dataset.manifest
    assert manifest.rejected_by_reason == expected["rejected_by_reason"]
    assert manifest.rides == expected["rides"]
    assert manifest.rides + manifest.rejected == manifest.rows_read
    assert manifest.sha256 == hashlib.sha256(dataset.rides_file.read_bytes()).hexdigest()
    assert manifest.sources[0].sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_parts_of_a_second_are_cut_off_and_no_other_time_than_the_jobs_own_is_kept(
    tmp_path: Path,
) -> None:
    source = tmp_path / "rides.csv"
    place, end = "-73.97,40.78", "2015-01-01 00:10:00"
    rows = [
        f"2015-01-01 00:00:00.123,{end}.5,{place}",
        f"10000-01-01 00:00:00,{end},{place}",
    ]
    header = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude"
    source.write_text("\n".join([header, *rows, ""]))
    dataset = load(source)
    assert lines_of(dataset) == [f"0,2015-01-01 00:00:00,{end},{place},,,point,1:2"]
    assert dataset.manifest.rejected_by_reason == {"bad_time": 1}


def test_rejects_say_file_line_reason_and_what_stood_there() -> None:
    case = CASES / "every-reason.csv"
    rejects = rejects_of(load(case))
    rows = dict(
        zip(rejects["line"], zip(rejects["reason"], rejects["raw"], strict=True), strict=True)
    )
    assert set(rejects["file"]) == {str(case)}
    assert rows[6] == (
        "missing_coordinates",
        "2015-01-01 10:00:00,2015-01-01 10:10:00,-7_3.98,40.75",
    )
    assert rows[21] == ("unreadable", "x")
    assert rows[3][0] == "duplicate"


def test_raw_keeps_what_parse_rejects_and_counts_it() -> None:
    dataset = load(CASES / "every-reason.csv", raw=True)
    manifest = dataset.manifest
    assert manifest.rejected_by_reason == {"unreadable": 2, "duplicate": 1}
    assert Counter(manifest.kept_bad) == {
        "missing_coordinates": 3,
        "zero_coordinates": 1,
        "outside_box": 2,
        "bad_time": 4,
        "impossible_time": 3,
        "negative_duration": 1,
    }
    rows = list(csv.reader(lines_of(dataset)))
    assert [int(row[0]) for row in rows] == list(range(17))
    assert {len(row) for row in rows} == {9}
    assert Counter(judge(*row[1:5]) for row in rows) == {"": 3, **manifest.kept_bad}
    assert (manifest.first_pickup, manifest.last_pickup) == ("2015-01-01 10:00:00",) * 2


def parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_with_zones_is_placed_at_centroids_and_marked(tmp_path: Path) -> None:
    times = [datetime(2023, 5, 1, 10), datetime(2023, 5, 1, 9), datetime(2023, 5, 1, 8), None]  # noqa: DTZ001 - wall clock
    pickups = pa.array(times, pa.timestamp("us"))
    ends = pa.array([t and t + timedelta(minutes=5) for t in times], pa.timestamp("us"))
    source = parquet(
        tmp_path / "yellow_tripdata_2023-05.parquet",
        VendorID=pa.array([1, 1, 2, 2]),
        tpep_pickup_datetime=pickups,
        tpep_dropoff_datetime=ends,
        PULocationID=pa.array([132, 161, 265, 132]),
        DOLocationID=pa.array([161, None, 1, 1]),
    )
    dataset = load(source)
    assert lines_of(dataset) == [
        "0,2023-05-01 09:00:00,2023-05-01 09:05:00,-73.9776980,40.7580280,,,zone,1:2",
        (
            "1,2023-05-01 10:00:00,2023-05-01 10:05:00,"
            "-73.7865299,40.6469851,-73.9776980,40.7580280,zone,1:1"
        ),
    ]
    assert dataset.manifest.rejected_by_reason == {"unknown_zone": 1, "bad_time": 1}
    assert dataset.manifest.places == {"zone": 2, "point": 0}
    assert "'PULocationID': 265" in rejects_of(dataset)["raw"][0]


def test_parquet_of_2009_has_times_as_text_and_points(tmp_path: Path) -> None:
    source = parquet(
        tmp_path / "y.parquet",
        Trip_Pickup_DateTime=pa.array(["2009-01-04 02:52:00"] * 2),
        Trip_Dropoff_DateTime=pa.array(["2009-01-04 03:02:00"] * 2),
        Start_Lon=pa.array([-73.991957] * 2),
        Start_Lat=pa.array([40.721567] * 2),
    )
    dataset = load(source)
    expected = "0,2009-01-04 02:52:00,2009-01-04 03:02:00,-73.991957,40.721567,,,point,1:1"
    assert lines_of(dataset) == [expected]
    assert dataset.manifest.rejected_by_reason == {"duplicate": 1}


def test_several_files_and_globs_are_one_dataset_and_no_file_counts_twice(tmp_path: Path) -> None:
    for name in ("green-2013", "kaggle-2016", "yellow-2009"):
        shutil.copy(CASES / f"{name}.csv", tmp_path)
    dataset = load(tmp_path / "*.csv", tmp_path / "kaggle-2016.csv")
    assert [line.rsplit(",", 1)[1] for line in lines_of(dataset)] == [
        "3:4",
        "3:3",
        "1:4",
        "2:2",
        "2:3",
    ]
    assert [source.rows for source in dataset.manifest.sources] == [2, 2, 2]


def test_duplicates_are_found_across_batches_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ride_judging, "BATCH_ROWS", 7)
    rows = [f"2015-01-01 10:00:00,2015-01-01 10:10:00,-73.98{n:02},40.75" for n in range(40)]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    dataset = load(tmp_path / "a.csv", tmp_path / "b.csv")
    assert (dataset.manifest.rides, dataset.manifest.rejected_by_reason) == (40, {"duplicate": 40})
    assert set(rejects_of(dataset)["file"]) == {str(tmp_path / "b.csv")}


def test_the_index_points_at_every_thousandth_ride(tmp_path: Path) -> None:
    start = datetime(2015, 1, 1)  # noqa: DTZ001 - wall clock
    rows = [HEADER]
    for n in range(4321):
        at = start + timedelta(seconds=(n * 7919) % 4321)
        rows.append(f"{at},{at + timedelta(minutes=1)},-73.9{n},40.75")
    (tmp_path / "r.csv").write_text("\n".join(rows), "utf-8")
    dataset = load(tmp_path / "r.csv")
    content = dataset.rides_file.read_bytes()
    offsets = [int(line) for line in dataset.index_file.read_text("ascii").splitlines()]
    starts = [content[offset:].split(b",", 1)[0] for offset in offsets]
    assert starts == [b"0", b"1000", b"2000", b"3000", b"4000"]
    times = [line.split(",")[1] for line in lines_of(dataset)]
    assert times == sorted(times)


def test_lines_are_numbered_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ride_lines, "_BLOCK", 100)
    text = ["", HEADER, ""]
    text += ["", "x"] + ["2015-01-01 10:00:00,2015-01-01 10:10:00,-73.98,bad"] * 9
    (tmp_path / "r.csv").write_text("\r\n".join(text), "utf-8")
    rejects = rejects_of(load(tmp_path / "r.csv"))
    assert list(rejects["line"]) == list(range(5, 15))


# --- the rules of reasons.py, which slow_rides tells a second time and differently ----------------

near_number = st.one_of(
    st.sampled_from(
        ["-73.98", "40.75", "0", "-0.0", "", " -73.9 ", "1e1", "4.075e1", ".5", "-74.3"]
    ),
    st.sampled_from(["nan", "inf", "-7_3.9", "0x1p3", "1d", "40.95", "40.950001", "1e999", "."]),
    st.floats(-75, 41).map(str),
    st.text("0123456789.-+eE_ xd", max_size=8),
)
in_range = st.datetimes(datetime(2008, 12, 31), datetime(2031, 1, 2)).map(  # noqa: DTZ001 - wall clock
    lambda t: t.strftime("%Y-%m-%d %H:%M:%S")
)
near_time = st.one_of(
    in_range,
    st.sampled_from(["2015-01-01 10:00:00", "2015-01-01 10:30:00", "2015-01-02 10:00:01"]),
    st.sampled_from(["2015-02-29 10:00:00", "2016-02-29 10:00:00", "2015-01-01 24:00:00"]),
    st.sampled_from(["0000-01-01 00:00:00", "0001-01-01 00:00:00", "2015-13-01 00:00:00", "", "x"]),
)
fields = st.tuples(near_time, near_time, near_number, near_number)
good = st.tuples(
    st.just("2015-01-01 10:00:00"), in_range, st.just("-73.98"), st.sampled_from(["40.7", "40.8"])
)
junk = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
row_texts = st.one_of(fields.map(",".join), good.map(",".join), junk)


@given(rows=st.lists(row_texts, max_size=30), raw=st.booleans())
def test_accepted_and_rejected_are_the_rows_read(rows: list[str], raw: bool) -> None:  # noqa: FBT001 - hypothesis
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "r.csv")
        source.write_bytes("\n".join([HEADER, *rows, ""]).encode("utf-8", "surrogatepass"))
        dataset = load(source, raw=raw)
    manifest = dataset.manifest
    assert manifest.rides + manifest.rejected == sum(1 for row in rows if row)
    kept = list(csv.reader(lines_of(dataset)))
    assert len(kept) == manifest.rides
    assert Counter(judge(*row[1:5]) for row in kept if judge(*row[1:5])) == manifest.kept_bad
    rejects = rejects_of(dataset)
    accounted = [int(row[8].split(":")[1]) for row in kept] + list(rejects["line"])
    assert sorted(accounted) == [n for n, row in enumerate(rows, 2) if row]
    assert set(rejects["reason"]) <= set(
        reasons.IMPORT_ONLY_REASONS if raw else reasons.ALL_REASONS
    )


@given(rows=st.lists(fields, min_size=1, max_size=20, unique=True))
def test_the_import_and_the_rules_agree(rows: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "r.csv")
        source.write_text("\n".join([HEADER, *map(",".join, rows), ""]), "utf-8")
        dataset = load(source)
    wanted = Counter(judge(*row) for row in rows)
    wanted.pop("", None)
    found = Counter(dataset.manifest.rejected_by_reason)
    found.pop(reasons.DUPLICATE, None)
    assert found == wanted


# --- whole or not at all --------------------------------------------------------------------------


def test_a_taken_name_is_an_error_with_the_way_out_and_force_replaces() -> None:
    load(CASES / "green-2013.csv", name="mine")
    with pytest.raises(UsageError) as caught:
        importing.plan_import([str(CASES / "green-2013.csv"), "gone.csv"], name="mine")
    assert caught.value.details == (
        "gone.csv: no such file; check the path\n"
        f"--name mine: there is such a dataset already ({datasets.datasets_dir() / 'mine'}); "
        "choose another --name, or replace it with --force"
    )
    assert load(CASES / "kaggle-2016.csv", name="mine").manifest.rides == 2


def left_behind() -> list[str]:
    return [path.name for path in datasets.datasets_dir().iterdir()]


def test_a_truncated_gz_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join([HEADER.encode(), *(b"%d" % n**9 for n in range(50_000))]))
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"cut\.csv\.gz cannot be read to its end"):
        load(tmp_path / "cut.csv.gz")
    assert left_behind() == []


@pytest.mark.parametrize("interrupted", [False, True], ids=["disk full", "Ctrl-C"])
def test_a_full_disk_and_ctrl_c_leave_the_old_dataset_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
    interrupted: bool,  # noqa: FBT001 - pytest's parameter
) -> None:
    before = load(CASES / "green-2013.csv", name="mine").rides_file.read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt if interrupted else OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RidesWriter, "write", fail)
    wanted = KeyboardInterrupt if interrupted else DatasetError
    with pytest.raises(wanted) as caught:
        load(CASES / "kaggle-2016.csv", name="mine")
    if isinstance(caught.value, DatasetError):
        assert caught.value.message == "the disk is full: mine was not imported"
    assert left_behind() == ["mine"]
    assert datasets.find_dataset("mine").rides_file.read_bytes() == before


def test_what_a_killed_import_left_is_swept_by_the_next() -> None:
    left = datasets.datasets_dir() / ".importing-999999999-x"
    left.mkdir(parents=True)
    load(CASES / "green-2013.csv")
    assert left_behind() == ["d"]


# --- finding datasets -----------------------------------------------------------------------------


def test_the_built_in_rides_unpack_once_and_are_whole() -> None:
    dataset = datasets.find_dataset("nyc-sample")
    content = dataset.rides_file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == dataset.manifest.sha256
    assert dataset.manifest.rides == content.count(b"\n") - 1 == 7073
    offsets = [int(line) for line in dataset.index_file.read_text("ascii").splitlines()]
    assert [content[o:].split(b",", 1)[0] for o in offsets] == [
        b"%d" % n for n in range(0, 7073, 1000)
    ]
    assert dataset.folder.is_relative_to(paths.cache_dir())
    assert all(judge(*line.split(",")[1:5]) == "" for line in lines_of(dataset))


def test_datasets_are_found_by_name_folder_and_file() -> None:
    mine = load(CASES / "green-2013.csv", name="mine")
    for wanted in ("mine", mine.folder, mine.rides_file):
        assert datasets.find_dataset(wanted) == mine
    assert [d.name for d in datasets.list_datasets()[0]] == ["nyc-sample", "mine"]
    with pytest.raises(UsageError, match="no dataset called mien") as caught:
        datasets.find_dataset("mien")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean mine? known: nyc-sample, mine;")


def test_a_damaged_dataset_is_an_error() -> None:
    mine = load(CASES / "green-2013.csv", name="mine")
    mine.rides_file.write_text("", "utf-8")
    with pytest.raises(DatasetError, match="has 0 bytes, its manifest says"):
        datasets.find_dataset("mine")


# --- the real files, where they are ---------------------------------------------------------------


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_real_green_file_gives_the_figures_of_its_readme() -> None:
    dataset = load(SHARED / "green_tripdata_2013-08.csv.gz")
    manifest = dataset.manifest
    assert (manifest.rows_read, manifest.rides) == (7623, 7073)
    assert manifest.rejected_by_reason == {
        "zero_coordinates": 534,
        "outside_box": 14,
        "negative_duration": 2,
    }
    raw = load(SHARED / "green_tripdata_2013-08.csv.gz", raw=True).manifest
    assert (raw.rides, raw.kept_bad) == (7623, manifest.rejected_by_reason)
    assert manifest.sha256 == datasets.find_dataset("nyc-sample").manifest.sha256


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_kaggle_sample_gives_the_figures_of_its_readme() -> None:
    manifest = load(SHARED / "nyc_taxi_trip_duration_sample.csv.gz").manifest
    assert (manifest.rows_read, manifest.rides) == (73_177, 73_169)
    assert manifest.rejected_by_reason == {"outside_box": 7, "impossible_time": 1}
    assert (manifest.first_pickup, manifest.last_pickup) == (
        "2016-01-01 00:03:02",
        "2016-06-30 23:56:05",
    )


def test_reading_is_the_first_half_of_the_bar_and_writing_the_second() -> None:
    reading = SimpleNamespace(rows=Counter({1: 100}), bytes=50)
    writer = SimpleNamespace(rides=0, rejected=Counter())
    assert importing._how_far(reading, writer, 200) == (50, "100 rows read")
    reading.bytes = 200
    assert importing._how_far(reading, writer, 200) == (200, "sorting")
    writer.rides, writer.rejected = 40, Counter({"duplicate": 10})
    assert importing._how_far(reading, writer, 200) == (300, "40 rides written")
    writer.rides = 90
    assert importing._how_far(reading, writer, 200)[0] == 400
