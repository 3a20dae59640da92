"""Links by the kernel: netem in HTB, planned by ``fogbed.plan.tc``, carried out by netlink.

What is installed stays; every change is made in place to what differs, and read back. Only what has
our handle is touched. Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from fogbed.network.agent.backend import BackendError, BeyondError, Cost, Counters, Peer, Row
from fogbed.network.agent.netlink import Netlink, NetlinkError
from fogbed.network.agent.tc_jitter import Driven, JitterDriver
from fogbed.network.agent.tc_losses import Losses
from fogbed.network.agent.tc_places import Place, Places, find_places
from fogbed.network.agent.tc_reading import Reading, ours, qdiscs
from fogbed.network.agent.tc_shapes import as_leaf, as_shape
from fogbed.network.agent.tc_tree import Tree
from fogbed.network.agent.tc_trial import why_not
from fogbed.network.jitter import path_key
from fogbed.network.link import Shape
from fogbed.plan.tc import Leaf, TcDevice, TcPeer, plan_tc
from fogbed.plan.tc_diff import CHANGE, NETEM, Operation, diff
from fogbed.plan.tc_filters import classes_of

LOOK_S = 5.0
"""For how long it is taken for granted that packets leave by the devices that they left by, as long
as those are there with our root on them."""


CHECK_S = 2.0
"""How often it is looked whether what shapes is still there."""


class TcBackend:
    """The backend "tc" (``fogbed.network.agent.backend.Backend``)."""

    name = "tc"

    def __init__(self, open_tree: Callable[[], Tree] = Tree) -> None:
        """``open_tree``: called where the network is that is shaped; ours, if nobody says."""
        self._open_tree = open_tree
        self._tree: Tree | None = None
        self._row: Row | None = None
        self._places = Places({}, ())
        self._minors: dict[str, int] = {}
        self._looked = 0.0
        self._watch_at = 0.0
        self._losses: dict[str, Losses] = {}
        self._driver = JitterDriver(self._set_netem)
        self._twice: str | None = None

    def apply(self, row: Row) -> None:
        """Install a row, or change in place what differs; see ``Backend``."""
        tree = self._open()
        before_places = self._places
        try:
            before, after, places = self._plan(tree, row)
        except ValueError as error:
            raise BackendError(f"{row.node}: {error}") from None
        except NetlinkError as error:
            raise BackendError(f"{row.node}: the kernel does not answer: {error}") from None
        self._refuse_duplicates(after)
        self._settle()
        if places is not self._places:
            self._minors = _minors(row, places, after)
        driven = self._driven(row, places, after)
        stilled = self._stilled(driven, after)
        operations = [*diff(before, after), *stilled]
        indices = {device.egress.name: index for index, device in tree.devices.items()}
        indices.update({place.egress.name: place.index for place in places.of.values()})
        tree.carry_out(operations, indices)
        self._row, self._places = row, places
        self._driver.drive(driven, row.origin_ns)
        for peer in row.peers:
            leaf = after[places.of[peer.node].egress.name].leaves[self._minors[peer.node]]
            self._losses.setdefault(peer.node, Losses()).ask(leaf)
        tree.prove(after, operations, indices, self._swinging())
        if places is not before_places:
            self._looked = time.monotonic()

    def show(self) -> dict[str, Shape]:
        """Return what the kernel has per peer; see ``Backend``.

        Of a peer with jitter: the delay that it swings around and the jitter, if the kernel has the
        delay that was written last; else the kernel's delay, without jitter.
        """
        return {peer.node: self._shape(peer, place, leaf) for peer, place, leaf, _ in self._found()}

    def severed(self) -> frozenset[str]:
        """Return the peers that are cut off in the kernel."""
        return frozenset(peer.node for peer, _, leaf, _ in self._found() if leaf.cut)

    def counters(self) -> dict[str, Counters]:
        """Return what went to each peer, by the counters of its netem (losses: ``tc_losses``)."""
        found = {}
        for peer, place, _, reading in self._found():
            flow = reading.flows[self._minors[peer.node]]
            account = self._losses[peer.node]
            account.settle(flow)
            octets = flow.octets - place.egress.header * flow.packets
            found[peer.node] = Counters(
                flow.packets, octets, account.lost, account.dropped, flow.queued
            )
        return found

    def hits(self) -> dict[str, int]:
        """Return how often filters have led a packet to each peer's class: who is really shaped.

        Empty where the kernel does not count (CONFIG_CLS_U32_PERF).
        """
        return {
            peer.node: reading.hits_of(self._minors[peer.node])
            for peer, _, _, reading in self._found(filters=True)
            if reading.hits
        }

    def cost(self) -> Cost | None:
        """Return None: the kernel carries the packets."""
        return None

    def step(self) -> float | None:
        """Look whether all is there, and change the delays of jitter that are due; see ``Backend``.

        A device that is made anew, as flannel's is when the NIC below it comes back, has no queues
        of ours: what was asked would be in force nowhere, and nobody would know.
        """
        if self._row is None:
            return None
        try:
            self._watch()
            again = self._driver.step()
        except NetlinkError as error:
            raise BackendError(f"another took what shapes here away: {error.strerror}") from None
        left = max(0.0, self._watch_at - time.monotonic())
        return left if again is None else min(again, left)

    def pace(self, stretch: float) -> None:
        """Make the steps of jitter so many times as long, from the next one on.

        For whoever has several backends in one process: they share a processor.
        """
        self._driver.least_stretch = stretch

    def clear(self) -> None:
        """Remove every root with our handle, whoever made it; see ``Backend``."""
        self._driver.drive({}, 0)
        tree = self._open()
        tree.clear()
        tree.close()
        self._tree = self._row = None
        self._losses.clear()

    def left(self) -> bool:
        """Tell whether a root with our handle is on any device; see ``Backend``."""
        with Netlink() as netlink:
            return bool(ours(qdiscs(netlink)))

    @staticmethod
    def possible() -> str:
        """Return "" where HTB, netem and u32 can be had, else what is missing."""
        return why_not()

    def _watch(self) -> None:
        if time.monotonic() < self._watch_at:
            return
        lost = self._open().lost()
        if lost:
            raise BackendError(
                f"another took what shapes here away: {', '.join(lost)} is there no more, or "
                "without it"
            )
        self._watch_at = time.monotonic() + CHECK_S

    def _open(self) -> Tree:
        if self._tree is None:
            self._tree = self._open_tree()
        return self._tree

    def _plan(
        self, tree: Tree, row: Row
    ) -> tuple[Mapping[str, TcDevice], Mapping[str, TcDevice], Places]:
        """Return what is there, what is to be there, and where the peers are.

        A change of shapes alone (a trace's step) takes neither a look at all routes nor a new plan.
        """
        before = {device.egress.name: device for device in tree.devices.values()}
        fresh = time.monotonic() - self._looked < LOOK_S
        if self._row and fresh and _differ_by_shapes(self._row, row) and tree.is_intact():
            return before, self._reshaped(before, self._row, row), self._places
        places = find_places(tree.netlink, row)
        before = tree.find({place.index: place.egress for place in places.of.values()})
        peers = [
            TcPeer(peer.networks, peer.hosts, egress, as_leaf(peer, egress))
            for peer in row.peers
            for egress in (places.of[peer.node].egress,)
        ]
        after = plan_tc(peers, places.hosts, installed=before)
        return before, after, places

    def _reshaped(self, before: Mapping[str, TcDevice], old: Row, new: Row) -> dict[str, TcDevice]:
        leaves = {name: dict(device.leaves) for name, device in before.items()}
        for was, peer in zip(old.peers, new.peers):  # noqa: B905 - Python 3.9 has no strict=
            if was != peer:
                egress = self._places.of[peer.node].egress
                leaves[egress.name][self._minors[peer.node]] = as_leaf(peer, egress)
        return {name: replace(device, leaves=leaves[name]) for name, device in before.items()}

    def _refuse_duplicates(self, after: Mapping[str, TcDevice]) -> None:
        for name, device in after.items():
            if len(device.leaves) > 1 and any(leaf.duplicate for leaf in device.leaves.values()):
                if self._twice is None:
                    self._twice = why_not(duplicate=True)
                if self._twice:
                    raise BeyondError(f"{name}: {self._twice}")

    def _driven(self, row: Row, places: Places, after: Mapping[str, TcDevice]) -> dict[str, Driven]:
        driven = {}
        for peer in row.peers:
            if peer.shape.jitter_ms:
                place, minor = places.of[peer.node], self._minors[peer.node]
                leaf = after[place.egress.name].leaves[minor]
                key = path_key(row.seed, row.node, peer.node)
                jitter_ns = round(peer.shape.jitter_ms * 1e6)
                driven[peer.node] = Driven(place.index, minor, leaf, jitter_ns, key)
        return driven

    def _stilled(
        self, driven: Mapping[str, Driven], after: Mapping[str, TcDevice]
    ) -> Iterator[Operation]:
        """Yield what gives links their asked delay back that swing no more, or otherwise."""
        for name in self._driver.written:
            device = after.get(self._places.of[name].egress.name)
            minor = self._minors.get(name, 0)
            if self._driver.links.get(name) != driven.get(name) and device and minor:
                yield Operation(CHANGE, NETEM, device.egress, minor, device.leaves[minor])

    def _swinging(self) -> dict[tuple[int, int], int]:
        links = self._driver.links
        return {
            (links[name].device, links[name].minor): delay
            for name, delay in self._driver.written.items()
        }

    def _set_netem(self, changes: list[tuple[int, int, Leaf]]) -> None:
        self._open().set_netem(changes)

    def _settle(self) -> None:
        """Close the accounts of losses before others are asked, if any is to be told apart."""
        if any(account.share for account in self._losses.values()):
            self.counters()

    def _found(self, *, filters: bool = False) -> Iterator[tuple[Peer, Place, Leaf, Reading]]:
        """Yield each peer with its place, what the kernel has for it and the reading of its device.

        A peer whose class is gone is left out.
        """
        if self._row is None:
            return
        readings = self._open().readings(filters=filters)
        for peer in self._row.peers:
            place, minor = self._places.of[peer.node], self._minors.get(peer.node, 0)
            reading = readings.get(place.index)
            if reading is not None and minor in reading.device.leaves:
                yield peer, place, reading.device.leaves[minor], reading

    def _shape(self, peer: Peer, place: Place, leaf: Leaf) -> Shape:
        link = self._driver.links.get(peer.node)
        if link is None or self._driver.written.get(peer.node, link.leaf.delay_ns) != leaf.delay_ns:
            return as_shape(leaf, peer, place.egress)
        still = replace(leaf, delay_ns=link.leaf.delay_ns)
        return as_shape(still, peer, place.egress)._replace(jitter_ms=link.jitter_ns / 1e6)


def _differ_by_shapes(old: Row, new: Row) -> bool:
    """Tell whether two rows have the same nodes at the same addresses."""
    return (old.testbed, old.node, old.networks, old.hosts) == (
        new.testbed, new.node, new.networks, new.hosts,
    ) and [(peer.node, peer.networks, peer.hosts) for peer in old.peers] == [
        (peer.node, peer.networks, peer.hosts) for peer in new.peers
    ]  # fmt: skip


def _minors(row: Row, places: Places, after: Mapping[str, TcDevice]) -> dict[str, int]:
    """Return each peer's class."""
    classes = {name: classes_of(device.filters) for name, device in after.items()}
    return {
        peer.node: classes[places.of[peer.node].egress.name][peer.networks[0]] for peer in row.peers
    }
