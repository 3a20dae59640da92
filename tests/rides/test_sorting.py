"""Runs on disk give back all rows in one order, however they came and however many they are."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fogbed.errors import DatasetError
from fogbed.stream_job.rides import importing, sorting
from fogbed.stream_job.rides import lines as ride_lines
from fogbed.stream_job.rides.sorting import Runs

HEADER = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude\n"


def batch_of(keys: list[int]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array([f"row {key}" for key in keys], pa.string())})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces and merges so small that few rows make many."""
    monkeypatch.setattr(sorting, "_PIECE_ROWS", 3)
    monkeypatch.setattr(sorting, "_OPEN_ROWS", 8)
    monkeypatch.setattr(sorting, "_MERGED_ROWS", 5)


@pytest.mark.usefixtures("small")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(st.lists(st.integers(0, 300), max_size=30), max_size=12),
    far=st.booleans(),
)
def test_rows_come_back_in_the_order_of_their_keys(
    runs: list[list[int]],
    far: bool,  # noqa: FBT001 - hypothesis
    tmp_path: Path,
) -> None:
    step = (1 << 54) if far else 1
    taken: set[int] = set()
    with Runs(tmp_path) as sorted_runs:
        for run in runs:
            keys = [key * step for key in dict.fromkeys(run) if key * step not in taken]
            taken.update(keys)
            sorted_runs.add(batch_of(keys), np.array(keys, np.int64))
        rows = [row for batch in sorted_runs.merged() for row in batch["text"].to_pylist()]
    assert rows == [f"row {key}" for key in sorted(taken)]


@pytest.mark.usefixtures("small")
def test_several_threads_add_at_once(tmp_path: Path) -> None:
    parts = np.random.default_rng(7).permutation(2000).reshape(100, 20)
    with Runs(tmp_path) as runs:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda keys: runs.add(batch_of(keys.tolist()), keys), parts))
        rows = [row for batch in runs.merged() for row in batch["text"].to_pylist()]
    assert rows == [f"row {key}" for key in range(2000)]


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    with Runs(tmp_path) as runs:
        runs.add(batch_of([2, 1]), np.array([2, 1]))
    assert list(tmp_path.iterdir()) == []


# --- the threads of an import ---------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path, fresh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of many blocks, which several threads judge."""
    monkeypatch.setattr(ride_lines, "_BLOCK", 1000)
    monkeypatch.setattr("fogbed.stream_job.rides.judging._WORTH_A_THREAD", 1000)
    monkeypatch.setattr("fogbed.stream_job.rides.judging.BATCH_ROWS", 50)
    row = "2015-01-01 10:0{}:0{},2015-01-01 10:10:00,-73.9{:04},40.75\n"
    rows = [row.format(n % 7, n % 10, n) for n in range(3000)]
    (path := tmp_path / "large.csv").write_text(HEADER + "".join(rows), "utf-8")
    assert fresh_home.exists()
    yield path
    assert not list((fresh_home / "data").rglob(".importing-*"))


def imported(path: Path) -> bytes:
    plan = importing.plan_import([str(path)], name="d", force=True)
    return importing.import_rides(plan).rides_file.read_bytes()


def test_blocks_that_threads_take_in_turn_make_one_file(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = imported(large)
    monkeypatch.setattr("fogbed.stream_job.rides.judging._MOST_THREADS", 1)
    assert imported(large) == several
    lines = several.decode().splitlines()[1:]
    places = [(line.split(",")[1], int(line.rsplit(":", 1)[1])) for line in lines]
    assert len(places) == 3000
    assert places == sorted(places)


def test_a_disk_that_is_full_while_rows_are_sorted_is_told(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Runs, "add", full)
    with pytest.raises(DatasetError, match="the disk is full: d was not imported"):
        imported(large)


def test_a_failure_in_one_thread_is_told_though_it_stops_the_others(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = large.read_bytes()
    monkeypatch.setattr(ride_lines, "_LONGEST_LINE", 5000)
    large.write_bytes(content + b"x" * 20_000)
    with pytest.raises(DatasetError, match="line 3002 is longer than 16 MB"):
        imported(large)


# --- what is unusual in a block -------------------------------------------------------------------


@given(text=st.text(" ,a1", max_size=40), many=st.booleans())
def test_spaces_beside_commas_are_seen_wherever_they_are(text: str, many: bool) -> None:  # noqa: FBT001
    content = bytearray(f"{text}\n".encode() * (3 if many else 1))
    letters = np.frombuffer(content, np.uint8)
    assert ride_lines._is_unusual(content, letters) == (b", " in content or b" ," in content)
