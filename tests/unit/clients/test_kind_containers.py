"""Node containers as engines describe them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fogbed.clients import process
from fogbed.clients.kind import containers
from fogbed.clients.kind.containers import Engine, NodeContainer

DOCKER = [
    {
        "Name": "/fogbed-x-worker",
        "State": {"Running": True, "Status": "running"},
        "Config": {"Labels": {"io.x-k8s.kind.role": "worker"}},
        "Mounts": [{"Type": "bind", "Destination": "/etc/fogbed/owner-1"}],
        "NetworkSettings": {"Networks": {"kind": {"IPAddress": "172.18.0.2"}}},
    },
]
PODMAN = [
    {
        "Name": "fogbed-x-control-plane",
        "State": {"Running": False, "Status": "exited", "StartedAt": "0001-01-01T00:00:00Z"},
        "Config": {"Labels": {"io.x-k8s.kind.role": "control-plane"}},
        "Mounts": None,
        "NetworkSettings": {"Networks": None},
    },
]


def test_containers_are_read_by_name(monkeypatch):
    def run(argv, **_):
        stdout = "b a\n" if "ps" in argv else json.dumps(DOCKER + PODMAN)
        return process.Outcome(
            argv=tuple(argv), returncode=0, stdout=stdout, stderr="", duration_s=0
        )

    monkeypatch.setattr(process, "run", run)
    found = Engine("docker").containers("fogbed-x")
    assert tuple(replace(each, age_s=0.0) for each in found) == (
        NodeContainer(
            name="fogbed-x-control-plane",
            role="control-plane",
            is_running=False,
            mounts=frozenset(),
        ),
        NodeContainer(
            name="fogbed-x-worker",
            role="worker",
            is_running=True,
            mounts=frozenset({"/etc/fogbed/owner-1"}),
            address="172.18.0.2",
        ),
    )


@pytest.mark.parametrize("started", ["2026-11-29T18:00:00.123456789Z", "2026-11-29T19:00:00+01:00"])
def test_how_long_a_container_runs_is_read(monkeypatch, started):
    now = datetime(2026, 11, 29, 18, 5, tzinfo=UTC).timestamp()
    monkeypatch.setattr(containers.time, "time", lambda: now)
    assert containers._age_s(started) == pytest.approx(300, abs=1)


@pytest.mark.parametrize("started", [None, "", "yesterday"])
def test_what_no_engine_says_makes_no_container_old(started):
    assert containers._age_s(started) == 0
