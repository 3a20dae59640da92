"""What is kept before a change and given back; which versions are the wanted ones."""

from __future__ import annotations

import os

import pytest
from plugins import load

keeping = load("library/keep_files.py")
packages = load("library/apt_packages.py")
units = load("module_utils/host_units.py")


class Module:
    """As much of an AnsibleModule as a fake root needs."""

    def __init__(self, root, *, check_mode=False):
        self.params = {"root": str(root), "store": None}
        self.check_mode = check_mode

    def fail_json(self, *, msg):
        raise RuntimeError(msg)


def keep(root, *paths, check_mode=False):
    store = keeping.Store(Module(root, check_mode=check_mode))
    keeping.keep(store, list(paths), [])
    return store.done


def restore(root, *paths):
    store = keeping.Store(Module(root))
    keeping.restore(store, list(paths), [], everything=not paths)
    return store.done


def note(root):
    keeping.Store(Module(root)).note()


def saved(root):
    top = root / "var/backups/fogbed"
    return {
        f"/{path.relative_to(top)}": path.read_text(encoding="utf-8")
        for path in top.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("old\n", encoding="utf-8")
    (tmp_path / "etc/hosts").chmod(0o640)
    return tmp_path


def test_a_file_is_kept_once_and_comes_back_with_its_mode(root):
    hosts = root / "etc/hosts"
    assert keep(root, "/etc/hosts") == ["/etc/hosts"]
    hosts.write_text("new\n", encoding="utf-8")
    hosts.chmod(0o600)
    assert keep(root, "/etc/hosts") == []
    assert restore(root) == ["/etc/hosts"]
    assert hosts.read_text(encoding="utf-8") == "old\n"
    assert hosts.stat().st_mode & 0o777 == 0o640
    assert restore(root) == []


def test_a_file_that_was_not_there_goes_with_its_folders_but_not_with_what_others_put_there(root):
    ours, theirs = root / "etc/rpi/swap.conf.d/90-fogbed.conf", root / "etc/rpi/mine"
    keep(root, "/etc/rpi/swap.conf.d/90-fogbed.conf")
    ours.parent.mkdir(parents=True)
    ours.touch()
    theirs.touch()
    restore(root, "/etc/rpi/swap.conf.d/90-fogbed.conf")
    assert not ours.parent.exists()
    assert theirs.exists()
    theirs.unlink()
    restore(root)
    assert not (root / "etc/rpi").exists()


def test_what_fogbed_itself_left_is_not_saved(root):
    hosts, ours = root / "etc/hosts", root / "etc/ours"
    for text in ("first run\n", "second run\n"):
        keep(root, "/etc/hosts", "/etc/ours")
        hosts.write_text(text, encoding="utf-8")
        ours.write_text(text, encoding="utf-8")
        note(root)
    # a part of the playbook that has nothing to do with them
    note(root)
    restore(root)
    assert hosts.read_text(encoding="utf-8") == "old\n"
    assert not ours.exists()
    assert saved(root) == {}


def test_what_somebody_edited_since_is_saved_before_it_goes(root):
    hosts, ours = root / "etc/hosts", root / "etc/ours"
    keep(root, "/etc/hosts", "/etc/ours")
    hosts.write_text("fogbed's\n", encoding="utf-8")
    ours.write_text("fogbed's\n", encoding="utf-8")
    note(root)
    hosts.write_text("fogbed's and mine\n", encoding="utf-8")
    ours.write_text("mine\n", encoding="utf-8")
    note(root)
    restore(root)
    assert saved(root) == {"/etc/hosts": "fogbed's and mine\n", "/etc/ours": "mine\n"}
    assert not ours.exists()


def test_an_edit_is_saved_before_the_next_run_writes_over_it_each_time(root):
    hosts = root / "etc/hosts"
    keep(root, "/etc/hosts")
    for text in ("one\n", "two\n"):
        hosts.write_text("fogbed's\n", encoding="utf-8")
        note(root)
        hosts.write_text(text, encoding="utf-8")
        store = keeping.Store(Module(root))
        keeping.keep(store, ["/etc/hosts"], [])
        assert len(store.notes) == 1
    assert saved(root) == {"/etc/hosts": "one\n", "/etc/hosts.1": "two\n"}


def test_after_a_run_that_was_cut_off_nobody_knows_whose_edit_it_is_so_it_is_saved(root):
    keep(root, "/etc/hosts")
    (root / "etc/hosts").write_text("fogbed's, or mine?\n", encoding="utf-8")
    restore(root)
    assert saved(root) == {"/etc/hosts": "fogbed's, or mine?\n"}


def test_what_a_package_takes_along_was_saved_before_and_is_told_once(root):
    conf = root / "etc/tool.conf"
    keep(root, "/etc/tool.conf", "/etc/hosts")
    conf.write_text("fogbed's\n", encoding="utf-8")
    note(root)
    conf.write_text("mine\n", encoding="utf-8")
    store = keeping.Store(Module(root))
    for path in store.all_paths():
        store.save_before_restore(path)
    assert [words.split()[0] for words in store.notes] == ["/etc/tool.conf"]
    # what is still there is no news when it is given back
    again = keeping.Store(Module(root))
    keeping.restore(again, [], [], everything=True)
    assert again.notes == []
    assert saved(root) == {"/etc/tool.conf": "mine\n"}
    assert (root / "etc/hosts").read_text(encoding="utf-8") == "old\n"


def test_a_link_stays_a_link(root):
    link = root / "etc/link"
    link.symlink_to("nowhere")
    keep(root, "/etc/link")
    link.unlink()
    link.write_text("x", encoding="utf-8")
    restore(root)
    assert os.readlink(link) == "nowhere"  # noqa: PTH115 - the words of the link


def test_check_mode_says_it_and_keeps_nothing(root):
    assert keep(root, "/etc/hosts", check_mode=True) == ["/etc/hosts"]
    assert not (root / "var").exists()


def test_a_copy_that_was_cut_off_is_made_anew(root):
    store = root / "var/lib/fogbed/before"
    store.mkdir(parents=True)
    (store / "copying").write_text("half", encoding="utf-8")
    keep(root, "/etc/hosts")
    assert (store / "files/etc/hosts").read_text(encoding="utf-8") == "old\n"
    assert not (store / "copying").exists()


def test_a_folder_is_not_kept(root):
    with pytest.raises(RuntimeError, match="/etc is a folder"):
        keep(root, "/etc")


@pytest.mark.parametrize(
    ("before", "now", "verbs"),
    [
        (("enabled", "active"), ("enabled", "active"), []),
        (("enabled", "active"), ("masked", "inactive"), ["unmask", "enable", "start"]),
        (("disabled", "inactive"), ("enabled", "active"), ["stop", "disable"]),
        (("masked", "inactive"), ("disabled", "inactive"), ["mask"]),
        (("generated", "active"), ("generated", "inactive"), ["start"]),
        (("not-found", "inactive"), ("enabled", "active"), []),
        (("enabled", "active"), ("not-found", "inactive"), []),
    ],
)
def test_a_unit_goes_back_to_how_it_was(before, now, verbs):
    assert units.unit_verbs(before, now) == verbs


@pytest.mark.parametrize(
    ("version", "beginning", "met"),
    [
        ("1.36.4-1.1", "1.36", True),
        ("1.36.4-1.1", "1.3", False),
        ("1.36.4-1.1", "1.36.4-1.1", True),
        ("5:29.1.0-1~debian.12~bookworm", "29", True),
        ("5:29.1.0-1~debian.12~bookworm", "2", False),
        ("5:20.10.24", "5:20.10.24", True),
        ("2.3.4-1~debian.13~trixie", "2.3", True),
        ("2.3-1", "2.3", True),
        ("2.30-1", "2.3", False),
        ("252.39-1", "", True),
    ],
)
def test_a_version_is_met_by_its_beginning_at_a_dot(version, beginning, met):
    assert packages.matches(version, beginning) is met


def test_a_package_that_somebody_else_holds_is_not_changed(tmp_path):
    host = Module(tmp_path)
    host.params |= {"folder": str(tmp_path), "timeout": 1}
    apt = packages.Apt(host)
    apt.record("held", ["kubelet"])
    installed = {"docker-ce": "5:27.1-1", "kubelet": "1.35.0-1"}
    apt.refuse_held(["kubelet"], ["kubelet", "docker-ce"], installed)
    with pytest.raises(RuntimeError, match=r"docker-ce 5:27.1-1 is held .* unhold docker-ce`"):
        apt.refuse_held(["docker-ce", "kubelet"], ["kubelet", "docker-ce"], installed)
