"""Node containers as engines describe them."""

from __future__ import annotations

import json

from fogbed.clients import process
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
        "State": {"Running": False, "Status": "exited"},
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
    assert Engine("docker").containers("fogbed-x") == (
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
