"""The backends that there are, in the order of preference, and which one serves here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbed.network.agent.backend import BackendError

if TYPE_CHECKING:
    from fogbed.network.agent.backend import Backend

BACKENDS: dict[str, type[Backend]] = {}


def lacking() -> dict[str, str]:
    """Return of each backend why it cannot serve here; "" of one that can. Found by trying."""
    return {name: backend.possible() for name, backend in BACKENDS.items()}


def choose(wanted: str) -> str:
    """Return the name of the backend that serves: the one that is wanted, or the first that can.

    Raises:
        BackendError: it cannot, or none can; with the reasons.
    """
    names = list(BACKENDS) if wanted == "auto" else [wanted]
    reasons = {}
    for name in names:
        if name not in BACKENDS:
            raise BackendError(f"there is no backend {name}: auto, {', '.join(BACKENDS)}")
        reasons[name] = BACKENDS[name].possible()
        if not reasons[name]:
            return name
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise BackendError(f"nothing here can shape links: {told}")


def clear_all() -> list[str]:
    """Have every backend remove what it made, and what a killed one left; return what went wrong."""
    problems = []
    for name, backend in BACKENDS.items():
        try:
            backend().clear()
        except Exception as error:  # noqa: BLE001 - the others clear all the same
            problems.append(f"{name}: {error}")
    return problems
