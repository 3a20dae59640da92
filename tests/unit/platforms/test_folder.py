"""What a testbed leaves on disk, and who may change it at a time."""

from __future__ import annotations

import json

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.state import names_up, only_one


@pytest.fixture
def folder(fresh_home):
    assert fresh_home.exists()
    made = TestbedFolder("bench")
    made.make()
    made.spec.write_text("kind: Testbed\n", encoding="utf-8")
    return made


def test_a_testbed_without_results_leaves_nothing(folder):
    assert names_up() == ("bench",)
    folder.remove(everything=False)
    assert not folder.root.exists()
    assert names_up() == ()


def test_savepoints_and_output_stay_until_everything_goes(folder):
    savepoint = folder.root / "savepoints" / "savepoint-1" / "_metadata"
    savepoint.parent.mkdir()
    savepoint.write_text("state", encoding="utf-8")
    assert folder.kept() == (folder.root / "savepoints",)
    folder.remove(everything=False)
    assert savepoint.read_text(encoding="utf-8") == "state"
    assert [path.name for path in folder.root.iterdir()] == ["savepoints"]
    folder.remove(everything=True)
    assert not folder.root.exists()


def test_how_a_keeper_was_launched_is_read_back(folder):
    launched = Launched(
        port=8081,
        number=3,
        scheduler="default",
        steering=folder.root / "s",
        fabric_socket=folder.root / "f",
        emulator="tc",
    )
    folder.write_launched(launched)
    assert folder.launched() == launched


def test_a_file_that_was_cut_off_is_no_launch(folder):
    (folder.root / "launched.json").write_text('{"port": 80', encoding="utf-8")
    assert folder.launched() is None


SOCKETS = {"scheduler": "default", "steering": "s", "fabric_socket": "f"}


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ({"port": 8081, "number": 3}, None),
        ({"port": 8081, "number": 3, **SOCKETS, "of_later": True}, 8081),
    ],
)
def test_what_another_version_wrote_is_read_as_far_as_it_is_known(folder, written, port):
    (folder.root / "launched.json").write_text(json.dumps(written), encoding="utf-8")
    assert getattr(folder.launched(), "port", None) == port


def test_one_command_at_a_time_changes_a_testbed(folder):
    with only_one(folder.name):
        with pytest.raises(PlatformError) as caught, only_one(folder.name):
            pass
        with only_one("another"):
            pass
    assert caught.value.message == "another fogbed command is changing testbed bench"
    assert caught.value.hint == "wait until it has ended, then give yours again"
    with only_one(folder.name):
        pass
