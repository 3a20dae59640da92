"""A path as Flink reads it, and back; links where it cannot be named at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import links, paths, spelling
from fogbed.errors import UsageError

# what a file system allows in a name: everything but NUL and "/"
_TEXT = st.text(
    alphabet=st.characters(exclude_characters="\0/", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
)
_NASTY = st.text(alphabet=" #%\u00e9:;,'\"$&?*[]\\\n-{}~+", min_size=1, max_size=8)
PATHS = st.lists(
    st.one_of(_TEXT, _NASTY).filter(lambda name: name not in (".", "..")), min_size=1, max_size=4
).map(
    # a link's place is made, so that something can be made below it
    lambda names: Path(os.environ["HOME"], *names)
)


@given(PATHS)
def test_whatever_flink_can_name_is_read_back_as_it_was(path):
    if spelling.flink_takes(path):
        assert spelling.path_of(spelling.flink_uri(path)) == path


@pytest.mark.parametrize(
    "name", ["work dir", "a#b", "100%", "%20", "jos\u00e9", "a?b", "c:d", "-x"]
)
def test_nothing_is_encoded(name):
    assert spelling.flink_uri(Path("/w", name)) == f"file:///w/{name}"


@pytest.mark.parametrize("name", ["back\\slash", os.fsdecode(b"latin-\xe9"), "ends with a blank "])
def test_what_flink_cannot_name_is_said_so(name):
    with pytest.raises(ValueError, match="cannot name"):
        spelling.flink_uri(Path("/w", name))


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:/a b/c", Path("/a b/c")),
        ("file:///a%20b", Path("/a%20b")),
        ("/a b", Path("/a b")),
        ("s3://bucket/a", None),
        ("hdfs:/a", None),
        ("file://host/a", None),
    ],
)
def test_what_flink_writes_is_understood(uri, path):
    assert spelling.path_of(uri) == path


@given(PATHS)
def test_every_place_has_a_name_that_every_reader_takes(path):
    plain = links.plain(path)
    assert spelling.is_plain(plain)
    assert spelling.flink_takes(plain)
    assert links.plain(path) == plain
    assert links.real(plain / "below" / "it") == path / "below" / "it"


def test_bytes_that_are_not_utf8_are_refused_with_a_way_out(tmp_path):
    folder = tmp_path / os.fsdecode(b"latin-\xe9")
    with pytest.raises(
        UsageError, match=r"latin-\\xe9/state: its name is not UTF-8, and"
    ) as caught:
        links.plain(folder / "state")
    assert caught.value.hint == "use a folder whose whole path is UTF-8"
    with pytest.raises(UsageError) as caught:
        paths.require_writable(folder)
    assert "\\xe9: its name is not UTF-8" in (caught.value.details or "")


@given(PATHS)
def test_a_uri_for_flink_names_the_same_place_and_is_read_back(path):
    uri = links.flink_uri(path)
    assert links.spelled(f"file://{path}") == uri
    named = spelling.path_of(uri)
    assert named is not None
    assert links.real(named) == path
    assert spelling.path_of(links.meant(f"{uri}/savepoint-1")) == path / "savepoint-1"


def test_what_is_written_through_a_link_is_under_the_real_folder(tmp_path):
    folder = tmp_path / "a:b \\ %d"
    folder.mkdir()
    link = links.plain(folder / "conf")
    assert link.parent.parent == paths.runtime_dir() / "links"
    link.mkdir()
    assert (folder / "conf").is_dir()


def test_a_folder_that_is_not_there_yet_can_be_made_below_its_link(tmp_path):
    folder = tmp_path / "a b" / "c:d" / "e"
    links.plain(folder).mkdir()
    assert folder.is_dir()
