"""Which backend serves here, and clearing by all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import MappingProxyType

from fogbed.network.agent.backend import Backend, BackendError
from fogbed.network.agent.backend_table import table


def lacking() -> dict[str, str]:
    """Return of each backend why it cannot serve here; "" of one that can. Found by trying."""
    return {name: backend.possible() for name, backend in table().items()}


def choose(wanted: str, beyond: Mapping[str, str] = MappingProxyType({})) -> Backend:
    """Return the backend that serves: the one that is wanted, or the first that can ("auto").

    ``beyond``: by name those that what is asked is beyond, and why.

    Raises:
        BackendError: it cannot, or none can; with the reasons.
    """
    there = table()
    names = list(there) if wanted == "auto" else [wanted]
    reasons = {}
    for name in names:
        if name not in there:
            raise BackendError(f"there is no backend {name}: {', '.join(['auto', *there])}")
        reasons[name] = beyond.get(name) or there[name].possible()
        if not reasons[name]:
            return there[name]()
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise BackendError(f"nothing here can shape links: {told}")


def clear_all(live: Backend | None = None) -> list[str]:
    """Have every backend remove what it made, or a killed one left; return what went wrong.

    ``live``: the one that has links in hand in this process, and its threads.
    """
    problems = []
    for name, backend in table().items():
        try:
            (live if live is not None and live.name == name else backend()).clear()
        except Exception as error:  # noqa: BLE001 - the others clear all the same
            problems.append(f"{name}: {error}")
    return problems


def left() -> list[str]:
    """Return the backends of which something is here, where no process has links in hand."""
    found = []
    for name, backend in table().items():
        with contextlib.suppress(OSError):  # what a kernel cannot even list, it does not have
            if backend().left():
                found.append(name)
    return found
