"""Which nodes answer, within seconds: a playbook takes minutes to miss one that is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fogbed.errors import CommandError, PlatformError
from fogbed.platforms.pi.reach import ssh
from fogbed.platforms.pi.reach.refusals import explain
from fogbed.spec.testbed import Testbed

_TIMEOUT_S = 20.0
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a node does not answer, and the way out."""

    problem: str
    way_out: str


def silent_nodes(testbed: Testbed, names: Sequence[str]) -> dict[str, Silence]:
    """Return those of the nodes that do not answer over SSH, all asked at once."""
    with ThreadPoolExecutor(min(_AT_ONCE, max(len(names), 1))) as pool:
        found = zip(names, pool.map(lambda name: _ask(testbed, name), names), strict=True)
        return {name: silence for name, silence in found if silence is not None}


def require_answers(testbed: Testbed, names: Sequence[str]) -> None:
    """Return if all nodes answer; PlatformError with those that do not, nothing being touched."""
    silent = silent_nodes(testbed, names)
    if silent:
        raise PlatformError(
            f"{', '.join(silent)} cannot be asked; nothing was changed",
            details=told(silent),
            hint="leave them out, or mend them first: fogbed doctor looks",
        )


def told(silent: Mapping[str, Silence]) -> str:
    """Return a line for each silent node."""
    return "\n".join(f"{each.problem}; {each.way_out}" for each in silent.values())


def _ask(testbed: Testbed, node: str) -> Silence | None:
    try:
        outcome = ssh.channel(testbed, node).run(["true"], timeout_s=_TIMEOUT_S)
    except CommandError as error:
        return Silence(f"{node}: {error.message}", "fogbed doctor looks")
    if outcome.returncode == 0:
        return None
    problem, way_out = explain(outcome.stderr, node)
    return Silence(problem, way_out or "fogbed doctor looks")
