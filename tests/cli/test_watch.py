"""``fogbed watch`` as far as it needs no job; tests/flink/test_watch.py has the rest."""

from __future__ import annotations

import json

import pytest

from fogbed import paths
from fogbed.cli import main
from fogbed.experiment import watching
from fogbed.experiment.events import JobFigures, NodeFigures
from fogbed.experiment.watching import WatchedJob
from fogbed.platforms import table
from fogbed.platforms.base import Endpoints
from fogbed.platforms.state import StateFolder

FIGURES = JobFigures(nodes=(NodeFigures(name="edge-1", cpu_cores=0.25, memory_bytes=2**29),))


class Platform:
    def endpoints(self):
        return Endpoints(flink="http://127.0.0.1:9")

    def samples(self):
        return []


@pytest.fixture
def laptop(fresh_home, monkeypatch):
    """Testbed laptop, up, as far as this command asks it; nobody answers as its Flink."""
    folder = StateFolder("laptop")
    folder.make()
    folder.spec.write_bytes((paths.asset("inventory") / "laptop.yml").read_bytes())
    monkeypatch.setattr(table, "STREAM_CLUSTERS", {"local": lambda _: Platform()})
    monkeypatch.chdir(fresh_home)
    return Platform


@pytest.fixture
def foreign(laptop, monkeypatch):
    """A job of somebody else's, of which two looks are taken."""

    def look(self, looks=None):
        self._seen(100.0, JobFigures())
        self._seen(101.0, FIGURES)
        return "" if looks else "finished"

    job = WatchedJob(id="j", name="theirs", described=None)
    monkeypatch.setattr(watching, "await_job", lambda *_: job)
    monkeypatch.setattr(watching, "running_job", lambda *_: job)
    monkeypatch.setattr(watching.JobWatch, "until_it_ends", look)
    return laptop


def test_ctrl_c_is_how_it_is_ended(laptop, monkeypatch, capsys):
    assert laptop.samples
    waits = []

    def interrupted(self, deadline, stop):
        waits.append((self, deadline, stop))
        raise KeyboardInterrupt

    monkeypatch.setattr("fogbed.experiment.clock.SystemClock.wait_until", interrupted)
    assert main(["watch"]) == 0
    said = capsys.readouterr().err
    assert "http://127.0.0.1:9/jobs/overview: no answer: waiting for one (Ctrl-C ends)" in said
    assert said.endswith("no longer watched\n")
    assert len(waits) == 1


def test_a_job_of_somebody_else_is_told_and_seen_by_what_it_costs(foreign, capsys):
    assert foreign.samples
    assert main(["watch"]) == 0
    said = capsys.readouterr()
    assert said.err == (
        "theirs is no job of fogbed's: only what it costs can be seen\ntheirs has ended: finished\n"
    )
    # the first look has nothing to show yet
    (line,) = said.out.splitlines()
    assert line.endswith("  edge-1 cores 0.25 memory 512 MiB")


def test_a_line_of_json_for_each_look(foreign, capsys):
    assert foreign.samples
    assert main(["watch", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["time"], second["time"]) == (100.0, 101.0)
    assert second["nodes"] == [{"name": "edge-1", "cpu_cores": 0.25, "memory_bytes": 2**29}]


def test_once_shows_the_last_look_as_tables(foreign, capsys):
    assert foreign.samples
    assert main(["watch", "--once"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("theirs on laptop at ")
    assert "edge-1" in said
    assert "512 MiB" in said


def test_a_testbed_that_is_down_is_told(fresh_home, monkeypatch, capsys):
    monkeypatch.chdir(fresh_home)
    assert main(["watch", "-t", "laptop", "--once"]) == 1
    assert "not up" in capsys.readouterr().err
