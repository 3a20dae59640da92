"""Limits of a node: by control group where this user may make one, else by CPU affinity.

Version 1 has one tree per controller, version 2 one for all. A group is made below the nearest
place that may be written; what could not be held is said in words, never passed over.
See cgroups(7); cpu.max and memory.max in the kernel's admin-guide/cgroup-v2.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fogbed.plan.local_processes import LocalNode

_PERIOD_US = 100_000
_REMOVALS, _PAUSE_S = 40, 0.05


@dataclass(slots=True, kw_only=True)
class NodeLimits:
    """What holds a node's processes: control groups to put them in, CPUs to bind them to."""

    groups: list[Path] = field(default_factory=list)
    cpus: frozenset[int] = frozenset()
    said: str = ""

    def hold(self, pid: int) -> None:
        """Put a process (a number of our own PID namespace) under these limits."""
        for group in self.groups:
            (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
        if self.cpus:
            os.sched_setaffinity(pid, self.cpus)

    def release(self) -> None:
        """Remove the groups; the kernel refuses while a process is left in one."""
        remove_groups(self.groups)


def remove_groups(groups: Sequence[Path]) -> None:
    """Remove control groups that are empty, and the testbed's group above them."""
    for group in groups:
        for _ in range(_REMOVALS):
            if _is_removed(group):
                break
            time.sleep(_PAUSE_S)  # a process that was just killed still counts for a moment
        with suppress(OSError):
            group.parent.rmdir()  # refused while another node's group is left


def _is_removed(group: Path) -> bool:
    with suppress(OSError):
        group.rmdir()
    return not group.exists()


def group_of(folder: Path) -> str:
    """Return what a testbed's groups are called; ``folder`` is where it keeps its files.

    Another home has testbeds of the same names, and the computer's groups are for all of them.
    """
    return f"fogbed-{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def limit_node(
    group: str,
    node: LocalNode,
    position: int,
    *,
    mounts: str | None = None,
    own: str | None = None,
) -> NodeLimits:
    """Make what holds ``node`` to its cores and memory, and say how.

    ``group`` is what the testbed's are called. ``position`` spreads nodes over CPUs where only
    affinity is left. ``mounts`` and ``own`` stand for /proc/self/mounts and /proc/self/cgroup.
    """
    limits = NodeLimits()
    if node.cores is None and node.memory is None:
        return limits
    places = list(_places(mounts or _read("mounts"), own or _read("cgroup")))
    below, words = f"{group}/{node.name}", []
    if node.cores is not None:
        quota = math.ceil(node.cores * _PERIOD_US)
        files = {
            1: {"cpu.cfs_period_us": f"{_PERIOD_US}", "cpu.cfs_quota_us": f"{quota}"},
            2: {"cpu.max": f"{quota} {_PERIOD_US}"},
        }
        version = _make_group(limits, places, "cpu", files, below)
        otherwise = "" if version else _bind(limits, node.cores, position)
        plural = "" if node.cores == 1 else "s"
        words.append(f"{node.cores:g} core{plural} " + _said(version, otherwise))
    if node.memory is not None:
        size = f"{node.memory}"
        files = {1: {"memory.limit_in_bytes": size}, 2: {"memory.max": size}}
        version = _make_group(limits, places, "memory", files, below)
        words.append(
            f"{node.memory // 2**20}m " + _said(version, "by the JVM's own limits; not enforced")
        )
    limits.said = ", ".join(words)
    return limits


def _said(version: int, otherwise: str) -> str:
    return f"(cgroup v{version})" if version else f"({otherwise})"


def _bind(limits: NodeLimits, cores: float, position: int) -> str:
    available = sorted(os.sched_getaffinity(0))
    wanted = math.ceil(cores)
    if wanted >= len(available):
        return f"not enforced: this computer has {len(available)}"
    first = position * wanted
    limits.cpus = frozenset(available[(first + k) % len(available)] for k in range(wanted))
    return f"by CPU affinity, in whole CPUs: {wanted}"


@dataclass(frozen=True, slots=True)
class _Place:
    version: int
    controllers: frozenset[str]
    folder: Path


def _places(mounts: str, own: str) -> Iterator[_Place]:
    """Yield where a group may be tried, nearest first."""
    mine = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        mine[names] = path
    for line in mounts.splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup":
            for names, path in mine.items():
                if names and set(names.split(",")) <= set(options.split(",")):
                    yield _Place(1, frozenset(names.split(",")), Path(target + path))
        elif kind == "cgroup2":
            # a group with processes of its own cannot pass controllers on: only those above can
            here = Path(target + mine.get("", "/"))
            for folder in (here, *here.parents):
                if folder.is_relative_to(target):
                    yield _Place(2, _controllers(folder), folder)


def _controllers(folder: Path) -> frozenset[str]:
    with suppress(OSError):
        return frozenset((folder / "cgroup.controllers").read_text(encoding="ascii").split())
    return frozenset()


def _make_group(
    limits: NodeLimits,
    places: Sequence[_Place],
    controller: str,
    files: dict[int, dict[str, str]],
    below: str,
) -> int:
    """Make a group with this limit in the first place that takes it; return its version or 0."""
    for place in places:
        if controller not in place.controllers:
            continue
        group = place.folder / below
        with suppress(OSError):
            group.mkdir(parents=True, exist_ok=True)
            if place.version == 2:  # noqa: PLR2004 - the kernel's own number
                _pass_on(place.folder, controller)
                _pass_on(group.parent, controller)
            for name, value in files[place.version].items():
                (group / name).write_text(value, encoding="ascii")
            _try_out(group)
            if group not in limits.groups:
                limits.groups.append(group)
            return place.version
        if group not in limits.groups:
            remove_groups([group])
    return 0


def _pass_on(folder: Path, controller: str) -> None:
    (folder / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _try_out(group: Path) -> None:
    """Raise OSError unless a process of this user may be moved into the group."""
    child = os.fork()
    if child == 0:
        try:
            (group / "cgroup.procs").write_text("0", encoding="ascii")
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise PermissionError(f"{group} takes no process")


def _read(name: str) -> str:
    return Path("/proc/self", name).read_text(encoding="utf-8")
