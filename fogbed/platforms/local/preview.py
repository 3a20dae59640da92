"""What ``up`` would make of a testbed on this computer and ``down`` end, for a user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fogbed import units
from fogbed.plan.local_processes import LocalPlan
from fogbed.platforms.base import ProcessStatus
from fogbed.platforms.local.emulators import TOLD
from fogbed.platforms.requests import Preview

_MIB = 2**20


def preview_of(plan: LocalPlan, buffers: str) -> Preview:
    """Return a row per node: its address, its slots and limits, what runs on it.

    ``buffers`` says which network buffers were chosen and why, "" where none were.
    """
    rows = []
    for node in plan.nodes:
        processes = [p for p in plan.first_processes() if p.node == node.name]
        heaps = ", ".join(f"{p.service} {_heap(p.argv)}".rstrip() for p in processes)
        slots = sum(p.slots for p in processes)
        rows.append((node.name, node.address, str(slots), _limits(node.cores, node.memory), heaps))
    shown = filter(None, (f"{_shaped(plan)}.", _beside(plan)))
    return Preview(
        title=f"testbed {plan.name} would come up as",
        columns=("node", "address", "slots", "limits", "processes (heap)"),
        rows=rows,
        remark="\n".join(filter(None, (" ".join(shown), buffers))),
    )


def removal_of(
    processes: Sequence[ProcessStatus], folder: Path, kept: Sequence[Path]
) -> Sequence[str]:
    """Return what ``down`` would end, remove and keep, a line each."""
    ended = [
        f"would end {each.name}{f' on {each.node}' if each.node else ''} (process {each.pid})"
        for each in processes
    ]
    return [*ended, f"would remove {folder}", *(f"would keep {each}" for each in kept)]


def _shaped(plan: LocalPlan) -> str:
    return f"The links would be shaped by {TOLD[plan.emulator]}"


def _beside(plan: LocalPlan) -> str:
    watching = [process.service.title() for process in plan.processes if process.node is None]
    return f"{' and '.join(watching)} would run beside the nodes." if watching else ""


def _limits(cores: float | None, memory: int | None) -> str:
    words = [f"{cores:g} core{'s' if cores != 1 else ''}"] if cores is not None else []
    words += [units.format_memory(memory)] if memory is not None else []
    return ", ".join(words) or "none"


def _heap(argv: Sequence[str]) -> str:
    most = next((word.removeprefix("-Xmx") for word in argv if word.startswith("-Xmx")), None)
    return f"{int(most) // _MIB}m" if most is not None else ""
