"""Which testbed -t means, and where none is meant."""

from __future__ import annotations

import pytest

from fogbed import spec
from fogbed.errors import UsageError
from fogbed.platforms import find_testbed, locate_testbed
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.testbed_file import open_file, save, with_version
from fogbed.platforms.table import MACHINES, STREAM_CLUSTERS
from fogbed.spec.abilities import ABILITIES, platforms_with

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: {name}
platform: {platform}
nodes:
  - {{name: a, role: control-plane, tier: cloud, address: 192.0.2.1}}
"""


def text(name, platform="local"):
    plain = TESTBED.format(name=name, platform=platform)
    return plain if platform == "pi" else plain.replace(", address: 192.0.2.1", "")


@pytest.fixture
def here(fresh_home, monkeypatch, tmp_path):
    assert fresh_home.exists()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bring_up(name):
    folder = TestbedFolder(name)
    folder.make()
    folder.spec.write_text(text(name), encoding="utf-8")


def test_the_file_beside_comes_first(here):
    bring_up("other")
    (here / "testbed.yml").write_text(text("mine"), encoding="utf-8")
    assert find_testbed(None).name == "mine"


@pytest.mark.usefixtures("here")
def test_else_the_only_one_that_is_up():
    bring_up("other")
    assert find_testbed(None).name == "other"
    assert find_testbed("other").name == "other"


@pytest.mark.usefixtures("here")
def test_several_that_are_up_are_listed():
    bring_up("one")
    bring_up("two")
    with pytest.raises(UsageError) as caught:
        find_testbed(None)
    assert caught.value.message == "which testbed? Up are: one, two"


@pytest.mark.usefixtures("here")
def test_a_shipped_one_by_name():
    assert find_testbed("laptop") == spec.load_testbed(spec_of("laptop"))


def spec_of(name):
    from fogbed import paths  # noqa: PLC0415 - only here

    return paths.asset("inventory", f"{name}.yml")


@pytest.mark.usefixtures("here")
def test_a_near_miss_is_guessed():
    with pytest.raises(UsageError) as caught:
        find_testbed("labtop")
    assert caught.value.message == "no file and no testbed is called labtop"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean laptop? known are: ")


def test_the_table_opens_every_platform_that_can_be_written():
    assert set(MACHINES) == set(ABILITIES)
    assert set(STREAM_CLUSTERS) == set(platforms_with("flink"))


def with_ssh(name):
    return text(name, "pi") + "ssh: {user: fog, key: /k}\n"


def test_the_file_of_a_testbed_that_is_up_is_the_one_it_came_up_from(here):
    path = here / "lab.yml"
    path.write_text(with_ssh("pico"), encoding="utf-8")
    PiFolder("pico").begin(inventory="", spec=with_ssh("pico"), origin=path)
    PiFolder("pico").begin(inventory="", spec=with_ssh("pico"))
    path.write_text(with_ssh("pico").replace("192.0.2.1", "192.0.2.7"), encoding="utf-8")
    testbed, file = locate_testbed("pico")
    assert (testbed.nodes[0].address, file) == ("192.0.2.7", path)
    assert locate_testbed(None) == (testbed, path)
    assert locate_testbed(path) == (testbed, path)
    assert find_testbed("pico").nodes[0].address == "192.0.2.1"


@pytest.mark.parametrize("now", [None, with_ssh("other")], ids=["gone", "another's"])
def test_a_file_that_is_no_longer_the_testbeds_is_not_taken_for_it(here, now):
    path = here / "lab.yml"
    PiFolder("pico").begin(inventory="", spec=with_ssh("pico"), origin=path)
    if now is not None:
        path.write_text(now, encoding="utf-8")
    testbed, file = locate_testbed("pico")
    assert (testbed.name, file) == ("pico", None)


def test_the_file_beside_is_named_in_full(here):
    (here / "testbed.yml").write_text(text("mine"), encoding="utf-8")
    assert locate_testbed()[1] == here / "testbed.yml"
    assert locate_testbed("laptop")[1] is None


def test_a_users_file_keeps_its_rights_and_its_link(here):
    path, link = here / "lab.yml", here / "link.yml"
    written = text("lab", "pi") + "ssh: {user: fog, key: ~/.ssh/id}\n"
    path.write_bytes(written.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    link.symlink_to(path)
    changed = with_version(open_file(spec.load_testbed(link), link), "1.35")
    save(changed)
    assert path.read_bytes() == changed.text.encode()
    assert b"1.35" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(p.name for p in here.glob("*lab*")) == ["lab.yml"]
