"""A network's plan for tc on every node, from one layout of filters that all nodes share.

A node's own plan (``fogbed.plan.tc.plan_tc``) is made there, with the devices that its routes name;
this is for people and for large testbeds: each class has one number on all nodes, the position of
its peer. Uses numpy by way of the network's plan: not packed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fogbed.errors import UsageError
from fogbed.plan.network import Impairment, NetworkPlan
from fogbed.plan.tc import Egress, Leaf, TcDevice, leaf_of
from fogbed.plan.tc_filters import ROOT_TABLE, Filter, Layout, collapse


@dataclass(frozen=True)
class NodeNetworks:
    """What the emulated network calls a node ("10.244.2.0/24"), and its own addresses in that."""

    networks: tuple[str, ...]
    hosts: tuple[str, ...] = ()


def plan_nodes(
    network: NetworkPlan, places: Sequence[NodeNetworks], egresses: Sequence[Egress]
) -> Iterator[dict[str, TcDevice]]:
    """Yield the plan of each node, in the order of ``network.nodes``, as are ``places``.

    ``egresses``: of each node the device by which packets to all others leave.

    Raises:
        UsageError: a network is not IPv4, or there are too many.
    """
    try:
        handles = _Handles(places)
    except ValueError as error:
        raise UsageError(f"tc cannot tell the nodes apart: {error}") from None
    leaves = {
        mtu: [as_leaf(each, mtu) for each in network.impairments]
        for mtu in {egress.mtu for egress in egresses}
    }
    minors = range(1, len(places) + 1)
    for position, (row, egress) in enumerate(zip(network.index.tolist(), egresses, strict=True)):
        asked = dict(zip(minors, map(leaves[egress.mtu].__getitem__, row), strict=True))
        del asked[position + 1]
        tables, filters = handles.of(position)
        yield {egress.name: TcDevice(egress, asked, tables, filters)}


def as_leaf(impairment: Impairment, mtu: int) -> Leaf:
    """Return what an impairment is in the kernel's units."""
    return leaf_of(
        delay_ms=impairment.delay_ms,
        jitter_ms=impairment.jitter_ms,
        loss=impairment.loss,
        rate_bps=impairment.rate_bps,
        corrupt=impairment.corrupt,
        duplicate=impairment.duplicate,
        reorder=impairment.reorder,
        mtu=mtu,
    )


class _Handles:
    """The filters that lead to all nodes, and which of them are whose."""

    def __init__(self, places: Sequence[NodeNetworks]) -> None:
        self._places = places
        layout = Layout({})
        self._own: list[list[int]] = []
        for place in places:
            before = len(layout.filters)
            layout.lead(place.networks, place.hosts, layout.minor(place.networks))
            added = islice(layout.filters.items(), before, None)
            self._own.append([handle for handle, each in added if not each.table])
        self._filters = layout.filters
        self._tables = frozenset(layout.tables)
        self._root = {
            handle: each for handle, each in self._filters.items() if handle >> 20 == ROOT_TABLE
        }

    def of(self, position: int) -> tuple[frozenset[int], dict[int, Filter]]:
        """Return the tables and filters of the node at a position: what leads to all others."""
        filters = self._filters.copy()
        for handle in self._own[position]:
            del filters[handle]
        sources = Layout(self._root)
        for value, mask in collapse(self._places[position].hosts):
            sources.exempt_source(value, mask)
        filters.update(sources.filters)
        return self._tables, filters
