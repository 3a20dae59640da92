"""Programs that are kept alive."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from fogbed.platforms.local.supervisor import EventLog, Program, Supervised


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "events.jsonl")


def program(tmp_path, *argv):
    return Program(
        name="probe", node="a", argv=argv, output=tmp_path / "out", environment=dict(os.environ)
    )


async def until(claim, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_one_that_is_killed_is_started_again_and_told(tmp_path, log):
    async def scenario():
        kept = Supervised(program(tmp_path, "sleep", "60"), log)
        kept.start()
        await until(lambda: kept.state == "running")
        first = kept.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.state == "running" and kept.pid != first)
        assert kept.restarts == 1
        await kept.stop("the test is over")
        assert kept.state == "stopped"

    asyncio.run(scenario())
    told = [(event.event, event.note) for event in log.events]
    assert told == [
        ("started", ""),
        ("died", "killed by SIGKILL; started again in 0.5 s"),
        ("started", "again"),
        ("stopped", "the test is over"),
    ]
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == [event for event, _ in told]


def test_its_processor_time_is_that_of_all_its_restarts(tmp_path, log):
    async def scenario():
        kept = Supervised(program(tmp_path, "sh", "-c", "while :; do :; done"), log)
        assert not kept.is_wanted
        kept.start()
        await until(lambda: kept.usage.cpu_s > 0.05)
        before = kept.usage.cpu_s
        os.kill(kept.pid, signal.SIGKILL)
        seen = []
        await until(lambda: seen.append(kept.usage.cpu_s) or kept.restarts == 1)
        assert kept.is_wanted
        await until(lambda: kept.state == "running")
        await kept.stop()
        seen.append(kept.usage.cpu_s)
        assert min(seen) >= before
        assert seen == sorted(seen)
        assert kept.usage.memory == 0

    asyncio.run(scenario())


def test_a_full_disk_costs_a_line_of_the_file_and_nothing_else(tmp_path):
    full = EventLog(Path("/dev/full"))

    async def scenario():
        kept = Supervised(program(tmp_path, "sleep", "60"), full)
        kept.start()
        await until(lambda: kept.state == "running")
        os.kill(kept.pid, signal.SIGKILL)
        await until(lambda: kept.state == "running" and kept.restarts == 1)
        await kept.stop()

    asyncio.run(scenario())
    assert [event.event for event in full.events] == ["started", "died", "started", "stopped"]


def test_one_that_does_not_exist_is_tried_again_not_forgotten(tmp_path, log):
    async def scenario():
        kept = Supervised(program(tmp_path, "/no/such/program"), log)
        kept.start()
        await until(lambda: kept.restarts == 2)
        await kept.stop()

    asyncio.run(scenario())
    assert "No such file" in log.events[0].note
    assert log.events[1].note.endswith("started again in 1 s")


def test_one_that_ignores_sigterm_is_killed(tmp_path, log):
    async def scenario():
        kept = Supervised(program(tmp_path, "sh", "-c", "trap '' TERM; echo on; sleep 60"), log)
        kept.start()
        await until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").stat().st_size)
        await kept.stop(grace_s=0.2)

    asyncio.run(scenario())
    assert log.events[-1].event == "stopped"


def test_one_that_its_limits_cannot_hold_runs_on_and_it_is_said(tmp_path, log):
    def refuse(_pid):
        raise ProcessLookupError(3, "No such process")

    async def scenario():
        kept = Supervised(program(tmp_path, "sleep", "60"), log, refuse)
        kept.start()
        await until(lambda: kept.state == "running")
        first = kept.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.state == "running" and kept.pid != first)
        await kept.stop()

    asyncio.run(scenario())
    told = [event.event for event in log.events]
    assert told == ["started", "unlimited", "died", "started", "unlimited", "stopped"]
    assert log.events[1].note == ("not held to its node's limits: [Errno 3] No such process")
