"""How long a testbed takes until all its slots are registered, beside the same Flink without it.

The anchor starts the very processes that ``up`` starts, with the same options and the same
class-data archive, at once and on loopback addresses: no namespaces, no fabric, no keeper.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.row import Row
from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.errors import ServiceError
from fogbed.plan.local_processes import LocalPlan, LocalProcess, plan_from_json
from fogbed.platforms import find_testbed
from fogbed.platforms.local.platform import LocalPlatform
from fogbed.platforms.requests import DownRequest, UpRequest

GOAL = 1.25
TIMEOUT_S = 120.0
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: bench-startup
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane}
  - {name: fog-1, tier: fog, slots: 3}
  - {name: edge-1, tier: edge}
  - {name: edge-2, tier: edge}
"""


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield the row of ``up`` for a JobManager and four TaskManagers, medians of 3 starts."""
    with tempfile.TemporaryDirectory(prefix="fogbed-bench-") as name:
        folder = Path(name)
        _testbed_s(folder)  # the first one makes the class-data archive when it goes down
        ups, bares = [], []
        for _ in range(1 if quick else 3):
            took_s, plan = _testbed_s(folder)
            ups.append(took_s)
            bares.append(_bare_s(plan, folder))
    up, bare = median(ups), median(bares)
    yield Row(
        figure="testbed of 4 nodes up, 6 slots registered",
        value=f"{up:.1f} s",
        goal=f"<= {GOAL} x its anchor",
        anchor=f"the same 5 Flink processes alone: {bare:.1f} s",
        ratio=f"{up / bare:.2f} x",
        ok=up / bare <= GOAL,
        note="" if "-XX:SharedArchiveFile" in str(plan) else "without class-data archive",
    )


def _testbed_s(folder: Path) -> tuple[float, LocalPlan]:
    path = folder / "testbed.yml"
    path.write_text(TESTBED, encoding="utf-8")
    platform = LocalPlatform(find_testbed(path))
    nothing_kept = DownRequest(everything=True)
    platform.down(nothing_kept, Quiet())
    started = time.monotonic()
    try:
        platform.up(UpRequest(), Quiet())
        took_s = time.monotonic() - started
        plan = plan_from_json((platform.folder() / "plan.json").read_text(encoding="utf-8"))
    finally:
        platform.down(nothing_kept, Quiet())
    return took_s, plan


def _bare_s(plan: LocalPlan, folder: Path) -> float:
    root = plan.processes[0].log.parent.parent
    with ExitStack() as running:
        started = time.monotonic()
        for process in plan.first_processes():
            running.enter_context(_bare(process, root, folder))
        front = plan.fronts[0]
        address = _on_loopback(plan.addresses[front.node or ""])
        url = f"http://{address}:{front.port}"
        _wait_for(len(plan.workers), url)
        return time.monotonic() - started


def _bare(process: LocalProcess, root: Path, folder: Path) -> ExitStack:
    def moved(text: str) -> str:
        return _on_loopback(text).replace(str(root), str(folder))

    (folder / "tmp").mkdir(exist_ok=True)
    for name, text in process.files.items():
        file = Path(moved(name))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_without_reporter(moved(text)), encoding="utf-8")
    environment = {name: moved(value) for name, value in process.environment.items()}
    started = subprocess.Popen(
        [moved(word) for word in process.argv],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # as the keeper does: the kernel shares a busy processor by session (sched(7), autogroup)
        start_new_session=True,
    )
    end = ExitStack()
    end.callback(started.wait)
    end.callback(started.kill)
    return end


def _without_reporter(config: str) -> str:
    """Return Flink's settings without what would listen on every address of this computer."""
    kept = [line for line in config.splitlines() if not line.startswith("metrics.reporter")]
    return "\n".join([*kept, ""])


def _on_loopback(text: str) -> str:
    return text.replace("10.77.", "127.77.")


def _wait_for(count: int, url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    with FlinkClient(url) as flink:
        while True:
            try:
                if len(flink.task_managers()) == count:
                    return
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
