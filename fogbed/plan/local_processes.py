"""What runs where on a laptop testbed, as values that travel to its keeper as JSON.

The keeper imports this module and must start at once: nothing here needs more than the standard
library.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Role = Literal["jobmanager", "taskmanager"]
REST_PORT = 8081  # inside the JobManager's namespace; the loopback port outside is another matter
PREFIX_LENGTH = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNode:
    """One namespace; ``cores`` and ``memory`` (bytes) limit everything that runs on it."""

    name: str
    address: str
    cores: float | None
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlinkProcess:
    """One process: ``config`` goes to ``conf/config.yaml``, ``argv`` and ``environment`` start it.

    ``log`` is Flink's own log and ``output`` what the process prints.
    """

    role: Role
    node: str
    slots: int
    argv: tuple[str, ...]
    environment: dict[str, str]
    config: dict[str, str]
    conf: Path
    log: Path
    output: Path

    @property
    def name(self) -> str:
        """Its name within the testbed."""
        return f"{self.role}@{self.node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlan:
    """Everything the keeper needs to know."""

    name: str
    nodes: tuple[LocalNode, ...]
    jobmanager: FlinkProcess
    taskmanagers: tuple[FlinkProcess, ...]  # of every node: a worker may be added later
    workers: tuple[str, ...]  # the nodes that carry one from the start

    @property
    def addresses(self) -> dict[str, str]:
        """The address of every node by name."""
        return {node.name: node.address for node in self.nodes}

    def processes(self) -> tuple[FlinkProcess, ...]:
        """Return the Flink processes that run from the start."""
        there = (p for p in self.taskmanagers if p.node in self.workers)
        return (self.jobmanager, *there)

    def to_json(self) -> str:
        """Return this plan as one line of JSON."""
        return json.dumps(asdict(self), default=str)


def plan_from_json(text: str) -> LocalPlan:
    """Return the plan that ``to_json`` wrote."""
    fields = json.loads(text)
    return LocalPlan(
        name=fields["name"],
        nodes=tuple(LocalNode(**node) for node in fields["nodes"]),
        jobmanager=process_from(fields["jobmanager"]),
        taskmanagers=tuple(map(process_from, fields["taskmanagers"])),
        workers=tuple(fields["workers"]),
    )


def process_from(fields: dict[str, Any]) -> FlinkProcess:
    """Return a process from the fields that ``dataclasses.asdict`` made of it."""
    paths = {name: Path(fields[name]) for name in ("conf", "log", "output")}
    return FlinkProcess(**(fields | paths | {"argv": tuple(fields["argv"])}))
