"""A keeper of nodes without services, and what emulates between them; prints facts as JSON.

``keeper_facts.py EMULATOR``. In a PID namespace of its own: what is killed is found by its command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fogbed.network.fabric_client import FabricEmulator
from fogbed.plan.local_processes import LocalNode, LocalPlan
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan

READY_S = 300.0
NODES = tuple(
    LocalNode(name=f"n{i}", tier="edge", address=f"10.77.9.{i}", cores=None, memory=None)
    for i in range(1, 5)
)


def keeper_in(folder, emulator):
    """Start a keeper; return its process and how it is asked."""
    plan = LocalPlan(
        name="k", nodes=NODES, processes=(), first=(), workers=(), fronts=(), emulator=emulator
    )
    (folder / "logs").mkdir()
    (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as front:
        words = ["--folder", folder, "--steering", folder / "steering", "--fabric-socket",
                 folder / "emulation", "--listen", f"flink={front.fileno()}"]  # fmt: skip
        argv = [sys.executable, "-m", "fogbed.platforms.local.keeper", *map(str, words)]
        return subprocess.Popen(argv, pass_fds=[front.fileno()], cwd="/")


def ask(folder, do):
    with socket.socket(socket.AF_UNIX) as keeper:
        keeper.connect(str(folder / "steering"))
        with keeper.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps({"do": do}) + "\n")
            stream.flush()
            return json.loads(stream.readline())


def emulating(emulator):
    """Return the process that emulates."""
    wanted = f"fogbed.network.{emulator}\0"
    (found,) = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and wanted in (entry / "cmdline").read_text()
    ]
    return found


def main(emulator):
    index = np.ones((len(NODES), len(NODES)), np.uint32)
    np.fill_diagonal(index, 0)
    asked = NetworkPlan(
        tuple(node.name for node in NODES), (UNTOUCHED, Impairment(delay_ms=30)), index
    )
    with tempfile.TemporaryDirectory(prefix="fogbed-keeper-") as made:
        folder = Path(made)
        keeper = keeper_in(folder, emulator)
        there = FabricEmulator(folder / "emulation", emulator)
        there.wait_until_ready(READY_S)
        facts = {"backends": sorted(set(there.backends().values()))}
        there.apply(asked, lease_s=None)
        os.kill(emulating(emulator), signal.SIGKILL)
        end = time.monotonic() + READY_S
        while not ask(folder, "status")["programs"][emulator]["restarts"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        there.wait_until_ready(READY_S)
        facts["differences"] = len(asked.differences(there.show()))
        said = ask(folder, "status")
        facts |= {"join_kind": said["join_kind"], "programs": sorted(said["programs"])}
        ask(folder, "end")
        facts["ended"] = keeper.wait(READY_S)
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1])
