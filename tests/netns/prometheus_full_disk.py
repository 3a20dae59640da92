"""A testbed with Prometheus whose disk fills up and has room again: what its status says meanwhile.

Run in a mount namespace of its own, in a folder with ``testbed.yml``; prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

DISK = Path("disk")


def main() -> None:
    DISK.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", DISK], check=True)
    os.environ["XDG_STATE_HOME"] = str(DISK.absolute() / "state")
    from fogbed.clients.flink import FlinkClient  # noqa: PLC0415 - reads the environment
    from fogbed.clients.progress import Quiet  # noqa: PLC0415 - the same
    from fogbed.platforms import find_testbed, open_platform  # noqa: PLC0415 - the same
    from fogbed.platforms.requests import DownRequest, UpRequest  # noqa: PLC0415 - the same

    platform = open_platform(find_testbed(Path("testbed.yml")))
    platform.up(UpRequest(), Quiet())
    facts = {}
    try:
        _fill(DISK / "fill")
        facts["full"] = platform.status().problems
        (watching,) = (each for each in platform.processes() if each.role == "prometheus")
        os.kill(watching.pid, signal.SIGKILL)
        _until(lambda: [each for each in platform.events(0.0) if each.process == "prometheus"][2:])
        status = platform.status()
        facts["killed"], facts["state"] = status.problems, status.state
        with FlinkClient(platform.endpoints().flink) as flink:
            facts["task_managers"] = [each.name for each in flink.task_managers()]
        (DISK / "fill").unlink()
        _until(lambda: platform.status().problems == [])
        facts["restarts"] = max(each.restarts for each in platform.status().processes)
    finally:
        platform.down(DownRequest(everything=True), Quiet())
    facts["left"] = [str(each) for each in DISK.glob("state/fogbed/testbeds/*")]
    sys.stdout.write(json.dumps(facts) + "\n")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            return


def _until(claim: Callable[[], object], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


if __name__ == "__main__":
    main()
