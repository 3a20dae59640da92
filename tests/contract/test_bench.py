"""The benchmark's table: a missed goal and a part that fails are shown, and the exit code tells."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as bench
from benchmarks.row import Row
from fogbed.errors import JobError

MET = Row(figure="help", value="0.1 s", goal="<= 0.3 s", anchor="python: 0.01 s", ok=True)
MISSED = Row(figure="pipes | and", value="2 s", goal="<= 1 s", ok=False, note="the disk\nis slow")
TOLD = Row(figure="PyFlink", value="9 k rides/s", note="not measured: no wheel")


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """Stand in for the parts: {name: what its measure yields or raises}."""
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "RESULTS.md")

    def install(**measured):
        def load(name):
            found = measured[name.removeprefix("benchmarks.")]
            return SimpleNamespace(measure=lambda **_: yielded(found))

        monkeypatch.setattr(bench, "PARTS", tuple(measured))
        monkeypatch.setattr(importlib, "import_module", load)
        monkeypatch.setattr(sys, "argv", ["bench"])

    return install


def yielded(found):
    for row in found:
        if isinstance(row, Exception):
            raise row
        yield row


def test_every_figure_stands_in_the_table(parts):
    parts(one=[MET], two=[MISSED, TOLD])
    assert bench.main() == 1
    lines = bench.RESULTS.read_text(encoding="utf-8").splitlines()
    assert "| help | 0.1 s | <= 0.3 s | python: 0.01 s |  | met |" in lines
    assert "| pipes / and | 2 s | <= 1 s |  |  | **missed**; the disk is slow |" in lines
    assert "| PyFlink | 9 k rides/s |  |  |  | not measured: no wheel |" in lines


def test_a_part_that_fails_says_why_and_the_others_still_count(parts, capsys):
    parts(one=[JobError("no slots", hint="give more")], two=[ValueError("a bug")], three=[MET])
    assert bench.main() == 1
    text = bench.RESULTS.read_text(encoding="utf-8")
    assert "| one | failed |  |  |  | **missed**; no slots give more |" in text
    assert "| two | failed |  |  |  | **missed**; ValueError: a bug |" in text
    assert "| help | 0.1 s |" in text
    assert "3 figures, 2 missed" in capsys.readouterr().out


def test_all_met_ends_well(parts):
    parts(one=[MET, TOLD])
    assert bench.main() == 0


def test_a_quick_run_keeps_no_results(parts, monkeypatch):
    parts(one=[MET])
    monkeypatch.setattr(sys, "argv", ["bench", "--quick"])
    assert bench.main() == 0
    assert not bench.RESULTS.exists()


def test_an_unknown_part_is_refused(parts, monkeypatch, capsys):
    parts(one=[MET])
    monkeypatch.setattr(sys, "argv", ["bench", "won"])
    with pytest.raises(SystemExit, match="2"):
        bench.main()
    assert "no such part: won; there are one" in capsys.readouterr().err


def test_one_that_is_told_to_end_cleans_up_as_on_ctrl_c(parts):
    ended = []

    def measured():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            yield MET
        finally:
            ended.append("what it had started")

    before = signal.getsignal(signal.SIGTERM)
    parts(one=measured())
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    assert ended == ["what it had started"]
    assert signal.getsignal(signal.SIGTERM) == before
