from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import JobError
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink.operators import operators_of
from fogbed.stream_job.flink.positions import Position, read_position
from fogbed.stream_job.shared_folders import SharedFolders


def record(split: int, splits: int, emitted: int) -> bytes:
    return b"\x00\x00\x00,fogbed-split/1 %d %d %d 1795256306080000\n\xff" % (split, splits, emitted)


def test_the_position_is_found_among_the_bytes_of_a_savepoint(tmp_path):
    (tmp_path / "_metadata").write_bytes(b"\xfe\x01" + record(0, 3, 7) + record(2, 3, 6))
    (tmp_path / "part").write_bytes(record(1, 3, 7))
    position = read_position(f"file:{tmp_path}", SharedFolders())
    assert position == Position(emitted=(7, 7, 6))
    assert position.total == 20


@pytest.mark.parametrize("content", [b"", record(0, 2, 5), b"fogbed-split/1 0 1"])
def test_a_savepoint_without_every_split_has_no_position(tmp_path, content):
    (tmp_path / "_metadata").write_bytes(content)
    with pytest.raises(JobError, match="does not hold the position"):
        read_position(str(tmp_path), SharedFolders())


def test_a_savepoint_elsewhere_cannot_be_read():
    with pytest.raises(JobError, match="cannot be read from this computer"):
        read_position("s3://bucket/savepoint-1", SharedFolders())


@given(emitted=st.lists(st.integers(0, 8), min_size=1, max_size=5))
def test_as_many_rides_are_included_as_were_emitted(emitted):
    position = Position(emitted=tuple(emitted))
    assert position.includes(np.arange(100)).sum() == position.total


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("Source: rides", ("rides",)),
        ("Source: rides -> parse", ("rides", "parse")),
        ("parse -> nearest -> (results, results: Writer)", ("parse", "nearest", "results")),
        ("results: Writer", ("results",)),
        ("results: Committer", ("results",)),
        ("Source__rides", ("rides",)),
        ("results__Writer", ("results",)),
        ("Map", ()),
    ],
)
def test_vertices_and_scopes_are_mapped_to_our_operators(name, operators):
    assert operators_of(name, NEAREST_LANDMARK.operator_names) == operators
