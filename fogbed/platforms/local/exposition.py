"""The keeper's own figures in Prometheus' text format (exposition format 0.0.4).

Standard library only: the keeper must start at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogbed.plan.local_processes import LocalNode
from fogbed.platforms.local.usage import Usage

Labels = Mapping[str, str]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """One process; ``usage`` is over all its restarts, ``node`` None for what serves all."""

    process: str
    node: str | None
    is_running: bool
    restarts: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, type, meaning and samples."""

    name: str
    kind: str
    about: str
    samples: Sequence[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        """Yield it line by line; nothing where it has no sample."""
        if not self.samples:
            return
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{inner}}} {value!r}" if inner else f"{self.name} {value!r}"


def expose(
    nodes: Sequence[LocalNode],
    processes: Sequence[ProcessFigures],
    counters: Mapping[str, Any] | None,
) -> str:
    """Return everything as text; ``counters``: of the links, as what emulates answers, or None."""
    families = [*_of_nodes(nodes, processes), *_of_processes(nodes, processes)]
    families += _of_fabric(counters)
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _of_nodes(nodes: Sequence[LocalNode], processes: Sequence[ProcessFigures]) -> Iterable[Family]:
    labels = {node.name: {"node": node.name, "tier": node.tier} for node in nodes}
    cpu: dict[str, float] = dict.fromkeys(labels, 0.0)
    memory = dict.fromkeys(labels, 0)
    for each in processes:
        if each.node is not None:
            cpu[each.node] += each.usage.cpu_s
            memory[each.node] += each.usage.memory
    cores = [(labels[node.name], node.cores) for node in nodes if node.cores is not None]
    limits = [(labels[node.name], node.memory) for node in nodes if node.memory is not None]
    yield Family(
        "fogbed_node_cpu_seconds_total",
        "counter",
        "Processor time of all processes that the testbed keeps on the node.",
        [(labels[name], value) for name, value in cpu.items()],
    )
    yield Family(
        "fogbed_node_memory_bytes",
        "gauge",
        "Resident memory of all processes that the testbed keeps on the node.",
        [(labels[name], value) for name, value in memory.items()],
    )
    yield Family("fogbed_node_cpu_limit_cores", "gauge", "Cores the node may use.", cores)
    yield Family("fogbed_node_memory_limit_bytes", "gauge", "Memory the node may use.", limits)


def _of_processes(
    nodes: Sequence[LocalNode], processes: Sequence[ProcessFigures]
) -> Iterable[Family]:
    tiers = {node.name: node.tier for node in nodes}

    def family(name: str, kind: str, about: str, values: Iterable[float]) -> Family:
        return Family(
            f"fogbed_process_{name}",
            kind,
            about,
            [(_labels(each, tiers), value) for each, value in zip(processes, values, strict=True)],
        )

    yield family(
        "up", "gauge", "Whether the process runs.", (int(each.is_running) for each in processes)
    )
    yield family(
        "restarts_total",
        "counter",
        "Starts after the first.",
        (each.restarts for each in processes),
    )
    yield family(
        "cpu_seconds_total",
        "counter",
        "Processor time, of all its restarts together.",
        (each.usage.cpu_s for each in processes),
    )
    yield family(
        "resident_memory_bytes",
        "gauge",
        "Resident memory.",
        (each.usage.memory for each in processes),
    )


def _labels(process: ProcessFigures, tiers: Mapping[str, str]) -> Labels:
    if process.node is None:
        return {"process": process.process}
    return {"process": process.process, "node": process.node, "tier": tiers[process.node]}


_LINKS = (
    ("packets_total", "counter", "Packets carried."),
    ("bytes_total", "counter", "Layer 3 bytes carried."),
    ("lost_packets_total", "counter", "Packets lost as asked, or cut off."),
    ("dropped_packets_total", "counter", "Packets dropped: the queue was full."),
    ("queued_packets", "gauge", "Packets under way or waiting."),
)


def _of_fabric(counters: Mapping[str, Any] | None) -> Iterable[Family]:
    # the name of both emulators' figures, so that dashboards need not ask which one serves
    about = "Whether what emulates the network answers."
    up = Family("fogbed_fabric_up", "gauge", about, [({}, int(bool(counters)))])
    if counters is None:
        return [up]
    nodes = counters["nodes"]
    samples: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for source, target, *values in counters["links"]:
        labels = {"source": nodes[source], "target": nodes[target]}
        for (name, _, _), value in zip(_LINKS, values, strict=True):
            samples[name].append((labels, value))
    about = "How much later than asked packets left, since the fabric's start: percentile"
    return [
        up,
        *(Family(f"fogbed_link_{name}", kind, text, samples[name]) for name, kind, text in _LINKS),
        *(
            Family(
                f"fogbed_fabric_lateness_p{percent}_seconds",
                "gauge",
                f"{about} {percent}.",
                [({}, counters[name] / 1000)],
            )
            for percent in (50, 99)
            for name in (f"lateness_p{percent}_ms",)
            if name in counters  # the kernel does not say
        ),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
