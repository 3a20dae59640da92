"""Runs on a kind cluster that a test disturbs: how they begin, and what they must come to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fogbed.experiment.record.bundle import Bundle, list_runs

CHECKOUT = Path(__file__).parents[2]
NONE = CHECKOUT / "experiments" / "profiles" / "none.yml"
METRO = CHECKOUT / "experiments" / "profiles" / "metro.yml"
_EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: disturbed
testbed: {testbed}
profile: {profile}
workload:
  job: nearest-landmark
  rides: nyc-sample
  landmarks: nyc-famous
  replay: {{rate: 500/s, loop: true}}
  parallelism: {{rides: 2, parse: 2, nearest: 1, results: 1}}
  placement: {{rides: {{tier: edge}}, nearest: {{tier: fog}}, results: {{tier: cloud}}}}
  sink: files
phases: {{warmup: 5s, measure: {measure}s, cooldown: 3s}}
assert:
  - {{output: complete}}
# what dies is to be told, and not to end the run
on_error: continue
seed: 7
"""


def docker(*words: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *words], check=False, input=stdin, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def kubectl_on(control_plane: str, *words: str, stdin: str = "", check: bool = True) -> str:
    """Do something to the cluster that fogbed has no part in."""
    admin = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
    return docker("exec", "-i", control_plane, *admin, *words, stdin=stdin, check=check)


def until(claim: Callable[[], object], timeout_s: float = 300.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a command of fogbed that says what it says in a file of the folder."""
    with (folder / "said.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "fogbed", *words],
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def said(folder: Path) -> str:
    """Return the last of what started commands said."""
    return (folder / "said.log").read_text(encoding="utf-8")[-4000:]


def begun(
    testbed: Path, folder: Path, *, measure_s: int, profile: Path
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a run; return its process, and the folder where its bundle comes to be."""
    file, runs = folder / "experiment.yml", folder / "runs"
    text = _EXPERIMENT.format(testbed=testbed, profile=profile, measure=measure_s)
    file.write_text(text, encoding="utf-8")
    return started(folder, "experiment", "run", str(file), "--runs", str(runs)), runs


@contextmanager
def running(testbed: Path, folder: Path, *, measure_s: int) -> Iterator[Callable[[], Bundle]]:
    """Enter the tenth second of a run; what is yielded waits for its end."""
    process, runs = begun(testbed, folder, measure_s=measure_s, profile=NONE)

    def ended() -> Bundle:
        process.wait(900)
        (found,) = list_runs(runs)
        return found

    try:
        until(lambda: process.poll() is not None or any(_is_at(10.0, x) for x in list_runs(runs)))
        assert process.poll() is None, said(folder)
        yield ended
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(300)


def _is_at(second: float, bundle: Bundle) -> bool:
    lines = [line for line in bundle.journal() if line["at"] is not None]
    return bool(lines) and time.time() >= lines[-1]["time"] - lines[-1]["at"] + second


def require_nothing_lost(bundle: Bundle) -> None:
    assert bundle.verdict()["status"] == "passed", bundle.verdict()
    output = bundle.completeness()
    assert (output["lost"], output["doubled"], output["wrong"]) == (0, 0, 0), output
    assert output["found"] > 0
