"""The backends that there are, in the order of preference."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fogbed.network.agent.backend import Backend


def table() -> dict[str, type[Backend]]:
    """Return them by name; imported when they are asked for, which most sessions never do."""
    from fogbed.network.agent.node_fabric import NodeFabric  # noqa: PLC0415 - most need none
    from fogbed.network.agent.tc_backend import TcBackend  # noqa: PLC0415 - as above

    return {TcBackend.name: TcBackend, NodeFabric.name: NodeFabric}
