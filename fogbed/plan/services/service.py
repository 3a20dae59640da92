"""What is said of every service, once: where it runs, what of, and when it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fogbed.plan.flink_buffers import ChosenBuffers
from fogbed.plan.flink_settings import Runtime, Scheduler
from fogbed.plan.local_processes import LocalProcess
from fogbed.spec.testbed import Node, Testbed

Readiness = Literal["answers", "registers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A TCP port of a service on its node; ``is_forwarded``: the computer's own reaches it too."""

    name: str
    number: int
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """What processes on this computer are planned with.

    ``folder`` is where the testbed keeps its files, ``storage`` the same as Flink's file system
    reads it, ``addresses`` those of the nodes by name.
    """

    testbed: Testbed
    runtime: Runtime
    folder: Path
    storage: str
    log4j: Path
    addresses: Mapping[str, str]
    scheduler: Scheduler
    buffers: ChosenBuffers = field(default_factory=ChosenBuffers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service; ``title`` names one of its processes in a sentence.

    ``nodes(testbed)`` are those where it may run, in the spec's order, and ``starts_on`` says on
    which of them it does from the start. ``memory`` is what a process takes there in bytes (None:
    what a node with a limit has left beside the others), ``least_memory`` what it needs, ``disk``
    what it writes while it idles. ``process(laptop, node, memory)`` plans one on a laptop.
    It is ready when its first port answers, or when it has registered at the JobManager.
    """

    name: str
    title: str
    ports: tuple[Port, ...]
    readiness: Readiness
    least_memory: int
    disk: int
    nodes: Callable[[Testbed], Sequence[Node]]
    starts_on: Callable[[Testbed, Node], bool]
    memory: Callable[[Testbed, Node], int | None]
    process: Callable[[Laptop, Node, int], LocalProcess]

    def first_nodes(self, testbed: Testbed) -> tuple[Node, ...]:
        """Return the nodes on which it runs from the start, in the spec's order."""
        return tuple(node for node in self.nodes(testbed) if self.starts_on(testbed, node))
