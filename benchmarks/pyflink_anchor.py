"""PyFlink as an anchor, in an environment of its own: fogbed itself never installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import loopback_cluster
from fogbed import paths

VERSION = "2.2.1"
# Small packages that PyFlink needs and that have no wheel; none of them needs a compiler.
FROM_SOURCE = "crcmod,dill,docopt,hdfs"
_OPENS = ("java.lang", "java.net", "java.nio", "java.util", "sun.nio.ch")
_INSTALL_TIMEOUT_S, _JOB_TIMEOUT_S = 900, 300


class NotMeasuredError(Exception):
    """PyFlink could not be had here; the text says why, for the table."""


def rides_per_s(rides: Path, landmarks: Path, *, counts: tuple[int, int]) -> float:
    """Return what a PyFlink map answers per second.

    Two jobs of different length share the same start, so their difference has none of it.

    Raises:
        NotMeasuredError: PyFlink cannot be installed here, or its job failed.
    """
    python = _environment()
    few, many = counts
    return (many - few) / (
        _seconds(python, rides, landmarks, many) - _seconds(python, rides, landmarks, few)
    )


def _environment() -> Path:
    folder = paths.cache_dir() / f"pyflink-{VERSION}-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"  PyFlink {VERSION} for its anchor: about 420 MB into {folder}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    done = subprocess.run(
        [
            *(python, "-m", "pip", "install", "--quiet", f"apache-flink=={VERSION}"),
            *("--only-binary", ":all:", "--no-binary", FROM_SOURCE),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=_INSTALL_TIMEOUT_S,
    )
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise NotMeasuredError(f"no wheel: {_last_line(done.stderr)}")
    (folder / "complete").touch()
    return python


def _seconds(python: Path, rides: Path, landmarks: Path, count: int) -> float:
    opens = " ".join(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENS)
    script = Path(__file__).with_name("pyflink_map.py")
    done = subprocess.run(
        [python, script, rides, landmarks, str(count)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_JOB_TIMEOUT_S,
        env={
            # PyFlink's Java side starts its workers with whatever "python" is on the PATH
            "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
            "HOME": str(python.parent.parent),
            "JAVA_HOME": str(loopback_cluster.java().parent.parent),
            "JVM_ARGS": f"-Xmx768m {opens}",
        },
    )
    if done.returncode != 0:
        raise NotMeasuredError(f"PyFlink's job failed: {_last_line(done.stderr)}")
    return float(done.stdout.split()[-1])


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:200]
