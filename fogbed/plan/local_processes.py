"""What runs where on a laptop testbed, as values that travel to its keeper as JSON.

The keeper imports this module and must start at once: nothing here needs more than the standard
library.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

LocalEmulator = Literal["fabric", "tc"]
"""What emulates a laptop's network: one process that carries every packet, or its kernel."""

PREFIX_LENGTH = 24
FLINK, PROMETHEUS, GRAFANA = "flink", "prometheus", "grafana"
PROMETHEUS_PORT = 9090
GRAFANA_PORT = 3000
KEEPER_METRICS_PORT = 9249
"""All on loopback in the keeper's namespace, where nothing else is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNode:
    """One namespace; ``cores`` and ``memory`` (bytes) limit everything that runs on it."""

    name: str
    tier: str
    address: str
    cores: float | None
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProcess:
    """One process of a service: ``files`` (path: text) are written, ``argv`` is started.

    ``environment`` is added to the keeper's own, less what begins as one of ``hides`` says.
    ``slots``: the task slots it offers. ``log`` is what the program logs and ``output`` what it
    prints. ``metrics_port``: where it tells its metrics in Prometheus' format, if it does. ``node``
    is None for what serves all nodes.
    """

    service: str
    node: str | None
    slots: int
    argv: tuple[str, ...]
    environment: dict[str, str]
    files: dict[str, str]
    log: Path
    output: Path
    metrics_port: int | None = None
    hides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name within the testbed."""
        return process_name(self.service, self.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFront:
    """What a loopback port of the computer leads to: ``port`` of ``node``; None: of the keeper.

    ``name`` is what it is called in endpoints.
    """

    name: str
    node: str | None
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlan:
    """Everything the keeper needs to know.

    ``processes`` are all that may run, and ``first`` names those that do from the start, in order.
    ``workers`` are the nodes of those that register at the JobManager. ``fronts``: what is reached
    from outside, Flink's web page first. ``emulator``: what shapes the links between the nodes.
    """

    name: str
    nodes: tuple[LocalNode, ...]
    processes: tuple[LocalProcess, ...]
    first: tuple[str, ...]
    workers: tuple[str, ...]
    fronts: tuple[LocalFront, ...]
    emulator: LocalEmulator = "fabric"

    @property
    def addresses(self) -> dict[str, str]:
        """The address of every node by name."""
        return {node.name: node.address for node in self.nodes}

    @property
    def is_watched(self) -> bool:
        """Whether a Prometheus runs beside the nodes."""
        return bool(self.of(PROMETHEUS))

    def first_processes(self) -> tuple[LocalProcess, ...]:
        """Return the processes that run from the start."""
        return tuple(process for process in self.processes if process.name in self.first)

    def of(self, service: str) -> tuple[LocalProcess, ...]:
        """Return the processes of one service, in the order of the nodes."""
        return tuple(process for process in self.processes if process.service == service)

    def to_json(self) -> str:
        """Return this plan as one line of JSON."""
        return json.dumps(asdict(self), default=str)


def process_name(service: str, node: str | None) -> str:
    """Return what a service's process on a node is called within the testbed."""
    return service if node is None else f"{service}@{node}"


def plan_from_json(text: str) -> LocalPlan:
    """Return the plan that ``to_json`` wrote."""
    fields = json.loads(text)
    rebuilt = {
        "nodes": tuple(LocalNode(**node) for node in fields["nodes"]),
        "processes": tuple(map(process_from, fields["processes"])),
        "first": tuple(fields["first"]),
        "workers": tuple(fields["workers"]),
        "fronts": tuple(LocalFront(**front) for front in fields["fronts"]),
    }
    return LocalPlan(**(fields | rebuilt))


def process_from(fields: dict[str, Any]) -> LocalProcess:
    """Return a process from the fields that ``dataclasses.asdict`` made of it."""
    paths = {name: Path(fields[name]) for name in ("log", "output")}
    # an older fogbed's plan hides nothing
    words = {name: tuple(fields.get(name, ())) for name in ("argv", "hides")}
    return LocalProcess(**(fields | paths | words))
