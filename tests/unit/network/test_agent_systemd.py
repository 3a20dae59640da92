"""Whether systemd can hold what shapes a node, and how it is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fogbed.network.agent.systemd import Surroundings, command, unserved

NODE = Surroundings(
    uid=0,
    first="systemd",
    systemd_run="/usr/bin/systemd-run",
    is_booted=True,
    shares_network=True,
    shares_files=True,
)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({}, ""),
        ({"first": "sleep"}, "process 1 is sleep, not systemd"),
        ({"first": ""}, "process 1 is unknown, not systemd"),
        ({"is_booted": False}, "process 1 is systemd, which has not booted here"),
        ({"systemd_run": ""}, "there is no systemd-run"),
        ({"uid": 1000}, "only root may ask systemd for it"),
        ({"shares_network": False}, "this network is not that of process 1"),
        ({"shares_files": False}, "these files are not those of process 1"),
    ],
)
def test_it_holds_what_is_in_its_own_namespaces_and_is_asked_by_root(found, why):
    assert unserved(replace(NODE, **found)) == why


def test_the_unit_clears_whatever_ends_it():
    argv = command("fogbed-links-7", "/usr/bin/python3", "/run/fogbed/s.py", "/run/fogbed/c.py")
    assert argv == [
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit=fogbed-links-7",
        "--description=fogbed: shapes this node's links",
        "--property=Type=notify",
        "--property=NotifyAccess=all",
        "--property=WatchdogSec=120",
        "--property=TimeoutStopSec=30",
        '--property=ExecStopPost="/usr/bin/python3" -I "/run/fogbed/c.py"',
        "--property=Slice=-.slice",
        "--property=CPUWeight=10000",
        "/usr/bin/python3",
        "-I",
        "/run/fogbed/s.py",
        "systemd",
    ]
