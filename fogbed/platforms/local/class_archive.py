"""Class-data archives: Flink's classes parsed once and mapped afterwards (AppCDS).

The first testbed of a Java and a Flink only writes down which classes its processes load; when it
is taken down, an archive is made of each list, beside it, and put in its place when it is whole.
The JVM itself refuses an archive that does not fit its classes, and starts without.
See "Class Data Sharing" in the java(1) manual.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogbed import paths
from fogbed.clients.progress import Progress
from fogbed.platforms.local.folder import write_whole
from fogbed.platforms.local.java import Java
from fogbed.platforms.ownership import give_back

ROLES = ("jobmanager", "taskmanager")
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassArchives:
    """By role: the archives there are, and where to list loaded classes for those there are not."""

    archives: Mapping[str, Path]
    lists: Mapping[str, Path]


def find(java: Java, jars: Sequence[Path], lists: Path) -> ClassArchives:
    """Return the archives of this Java and these jars; ``lists`` is the testbed's own folder."""
    folder = paths.cache_dir() / "classes" / _key(java, jars)
    archives = {role: folder / f"{role}.jsa" for role in ROLES}
    there = {role: path for role, path in archives.items() if path.is_file()}
    missing = {role: lists / f"{role}.classes" for role in ROLES if role not in there}
    lists.mkdir(parents=True, exist_ok=True)
    wish = {
        "java": str(java.program),
        "jars": [str(jar) for jar in jars],
        "archives": {role: str(archives[role]) for role in missing},
    }
    write_whole(lists / "wanted.json", json.dumps(wish))
    return ClassArchives(archives=there, lists=missing)


def make(lists: Path, progress: Progress) -> None:
    """Make the archives that a testbed has written lists for; one that fails is left out."""
    try:
        wish = json.loads((lists / "wanted.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    todo = {
        role: Path(archive)
        for role, archive in wish["archives"].items()
        if (lists / f"{role}.classes").exists() and not Path(archive).exists()
    }
    if not todo:
        return
    with progress.step("keeping Flink's classes for a faster start next time (once)"):
        dumps = {role: _dump(wish, lists, role, archive) for role, archive in todo.items()}
        for role, (process, beside) in dumps.items():
            _put_in_place(process, beside, todo[role])
    give_back(paths.cache_dir())


def _dump(
    wish: Mapping[str, Any], lists: Path, role: str, archive: Path
) -> tuple[subprocess.Popen[bytes], Path]:
    archive.parent.mkdir(parents=True, exist_ok=True)
    beside = archive.with_suffix(f".{os.getpid()}")
    argv = [
        str(wish["java"]),
        *("-Xshare:dump", "-XX:+UseSerialGC", "-Xlog:disable", "-Xlog:all=off"),
        f"-XX:SharedClassListFile={lists / role}.classes",
        f"-XX:SharedArchiveFile={beside}",
        *("-cp", ":".join(wish["jars"])),
    ]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet), beside


def _put_in_place(process: subprocess.Popen[bytes], beside: Path, archive: Path) -> None:
    try:
        code = process.wait(_TIMEOUT_S)
    except BaseException:
        process.kill()
        process.wait()
        beside.unlink(missing_ok=True)
        raise
    if code == 0 and beside.exists():
        beside.replace(archive)
    beside.unlink(missing_ok=True)


def _key(java: Java, jars: Sequence[Path]) -> str:
    origin = [str(java.program), java.version]
    origin += [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    return hashlib.sha256("\n".join(origin).encode()).hexdigest()[:16]
