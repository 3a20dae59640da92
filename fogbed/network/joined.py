"""How a laptop's nodes are joined, and the program that carries out what is asked of their links.

Two emulators, one behaviour: with ``fabric`` every node has a port that one process reads and
writes; with ``tc`` the kernel joins them, and one process tells it what to do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from fogbed.network.ports import PortKind, best_port_kind, open_port
from fogbed.network.routed import open_way, wait_until_carrying
from fogbed.plan.local_processes import LocalEmulator

JoinKind = Literal["tun", "packet", "routed"]


class Place(NamedTuple):
    """A node: its name, address with prefix ("10.77.1.2/24"), and its namespace's descriptor."""

    node: str
    address: str
    namespace: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Nodes that are joined. ``emulator`` serves their links; ``kind`` says by what they are.

    ``descriptors`` are inherited by the program; those of ports are closed by ``close``.
    """

    emulator: LocalEmulator
    kind: JoinKind
    arguments: Sequence[str]
    descriptors: Sequence[int]
    close: Callable[[], None]

    def argv(self, control: Path, memory: int) -> list[str]:
        """Return how to start what serves ``control``; ``memory`` is what the next goes on with."""
        program = [sys.executable, "-m", f"fogbed.network.{self.emulator}"]
        return [*program, "--control", str(control), "--memory", str(memory), *self.arguments]


def join(
    emulator: LocalEmulator, places: Sequence[Place], *, kind: PortKind | None = None
) -> Joined:
    """Join nodes; they reach each other once what serves them runs, or at once where it is tc.

    ``kind``: of the fabric's ports, the best that there is if nobody says.

    Raises:
        NetworkError: the kernel refuses; nothing is left but what goes with the namespaces.
    """
    return _JOINS[emulator](places, kind)


def _join_by_ports(places: Sequence[Place], kind: PortKind | None) -> Joined:
    kind = kind or best_port_kind()
    with ExitStack() as undo:
        ports = []
        for place in places:
            port = open_port(kind, place.namespace, node=place.node, address=place.address)
            undo.callback(port.close)
            ports.append(port)
        return Joined(
            emulator="fabric",
            kind=kind,
            arguments=[word for port in ports for word in ("--port", port.argument())],
            descriptors=[port.fd for port in ports],
            close=undo.pop_all().close,
        )


def _join_by_routes(places: Sequence[Place], _: PortKind | None) -> Joined:
    ways = [open_way(place.namespace, node=place.node, address=place.address) for place in places]
    wait_until_carrying(set(ways))
    arguments = [
        word
        for place in places
        for word in (
            "--node",
            f"{place.node}={place.address.partition('/')[0]}={place.namespace}",
        )
    ]
    return Joined(
        emulator="tc",
        kind="routed",
        arguments=arguments,
        descriptors=[place.namespace for place in places],
        close=_nothing,
    )


def _nothing() -> None:
    """Nothing is held but the namespaces, which are the caller's."""


_JOINS: Mapping[LocalEmulator, Callable[[Sequence[Place], PortKind | None], Joined]] = {
    "fabric": _join_by_ports,
    "tc": _join_by_routes,
}
