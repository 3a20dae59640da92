"""Series as tables that other programs read."""

from __future__ import annotations

import errno
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.series import NAME, Series, labels_of
from fogbed.errors import FogbedError, UsageError
from fogbed.experiment.querying.tables import frame_of, long_frame_of, suffix_of, write_table

LABELS = st.dictionaries(
    st.sampled_from(["name", "time", "value", "node", "job"]), st.text("ab", min_size=1)
)
SAMPLES = st.lists(st.tuples(st.integers(0, 2**31).map(float), st.floats(allow_nan=False)))
SERIES = st.builds(
    lambda labels, samples: Series(labels_of({NAME: "m", **labels}), tuple(samples)),
    LABELS,
    SAMPLES,
)


@given(st.lists(SERIES, max_size=4))
def test_every_sample_is_a_row_with_all_its_labels(series: list[Series]) -> None:
    frame = frame_of(series)
    rows = [(each, time, value) for each in series for time, value in each.samples]
    assert len(frame) == len(long_frame_of(series)) == len(rows)
    for (each, time, value), (_, row) in zip(rows, frame.iterrows(), strict=True):
        assert row["time"].timestamp() == time
        assert (row["name"], row["value"]) == ("m", value)
        for label, text in each.labels:
            if label != NAME:
                column = f"label_{label}" if label in ("name", "time", "value") else label
                assert row[column] == text


def test_nothing_is_a_table_without_rows(tmp_path: Path) -> None:
    write_table(frame_of([]), tmp_path / "no.parquet", ".parquet")
    assert list(pd.read_parquet(tmp_path / "no.parquet").columns) == ["time", "name", "value"]


def test_a_file_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_table(frame_of([]), tmp_path / "nowhere" / "x.csv", ".csv")
    with pytest.raises(UsageError, match="its ending says no format"):
        suffix_of(tmp_path / "x.txt")


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_file_for_which_there_is_no_room_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path = tmp_path / f"x{ending}"
    path.write_text("before")
    frame = frame_of([Series(labels_of({NAME: "m"}), tuple((float(i), i / 7) for i in range(99)))])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FogbedError, match=r"cannot be written: No space left") as told:
        write_table(frame, path, ending)
    assert told.value.exit_code == 1
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_and_a_pipe_are_written_through(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("there.csv")
    write_table(frame_of([]), link, ".csv")
    assert link.is_symlink()
    assert (tmp_path / "there.csv").read_text() == "time,name,value\n"
    write_table(frame_of([]), Path("/dev/null"), ".csv")
    assert Path("/dev/null").is_char_device()
