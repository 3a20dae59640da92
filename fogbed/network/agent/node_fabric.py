"""The node fabric: links in user space, on a node whose kernel has no netem.

What local pods send to the peers' pods is routed into a tunnel, whose packets this process reads,
holds as long as the link says, and writes back to the tunnel; from there the main table routes
them on as if nothing had been. Nothing else is touched: not what the node itself sends (its
kubelet, its API server), not what comes in. See ``routing`` for the rules, ``untracked`` for
netfilter. Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

from fogbed.network.agent.backend import BackendError, Cost, Counters, Row
from fogbed.network.agent.fabric_trial import why_not
from fogbed.network.agent.loop_thread import LoopThread
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.node_links import NodeLinks, Tunnel
from fogbed.network.agent.policy_routing import (
    change,
    installed,
    installed_routes,
    installed_rules,
)
from fogbed.network.agent.routing import DEVICE, Routing, ipv4, routing_of, row_problems
from fogbed.network.agent.rtnetlink import set_mtu
from fogbed.network.agent.tunnel import configure, open_tun, overrun
from fogbed.network.agent.untracked import Exemption, exempt, forget_exemption
from fogbed.network.agent.ways_out import WayOut, own_address, ways_out
from fogbed.network.link import Shape
from fogbed.network.packet_loop import PacketLoop

CHECK_S = 2.0
"""How often it is looked whether all is still in force."""
READ_SIZE = 65_550
DRAINED = 20_000
"""So many packets at most are taken out of the tunnel when it is given up."""


@dataclass
class _InForce:
    """What serves a row: the tunnel, its links, and the thread that carries packets."""

    undo: ExitStack
    index: int
    links: NodeLinks
    loop: PacketLoop
    thread: LoopThread
    exemption: Exemption
    ways: dict[str, WayOut]
    routing: Routing


class NodeFabric:
    """The backend ``fabric``. See `fogbed.network.agent.backend.Backend` for what it promises."""

    name = "fabric"

    def __init__(self) -> None:
        self._in_force: _InForce | None = None

    def apply(self, row: Row) -> None:
        """Install the row whole at first; later change in place just what differs.

        Raises:
            BackendError: the row cannot be served here, or what is in force is not what was asked.
        """
        problems = row_problems(row)
        if problems:
            raise BackendError("; ".join(problems))
        try:
            with Netlink() as netlink:
                if self._in_force is None:
                    self._in_force = _install(netlink, row)
                else:
                    _change(netlink, self._in_force, row)
                _read_back(netlink, self._in_force, row)
        except OSError as error:
            raise BackendError(f"the kernel refuses the tunnel or its routes: {error}") from error

    def show(self) -> dict[str, Shape]:
        """Return what every link does now; empty where nothing is installed."""
        current = self._in_force
        return {} if current is None else current.thread.perform(current.links.shapes)

    def severed(self) -> frozenset[str]:
        """Return the peers whose links are cut off."""
        current = self._in_force
        return frozenset() if current is None else current.thread.perform(current.links.severed)

    def counters(self) -> dict[str, Counters]:
        """Return what went to each peer."""
        current = self._in_force
        return {} if current is None else current.thread.perform(current.links.counters)

    def cost(self) -> Cost | None:
        """Return what the loop takes, how late it was, and what it was not given or not for."""
        current = self._in_force
        if current is None:
            return None
        with Netlink() as netlink:
            lost = overrun(netlink)
        return current.thread.perform(lambda: _cost(current, lost))

    def step(self) -> float | None:
        """Look whether all is in force.

        Raises:
            BackendError: the loop has ended, or somebody took a rule or the tunnel away.
        """
        current = self._in_force
        if current is None:
            return None
        if current.links.tunnel.gone:
            raise BackendError(f"the device {DEVICE} was taken away: nothing is shaped any more")
        if not current.thread.alive:
            error = current.thread.error
            raise BackendError(f"the packet loop has ended: {error!r}") from error
        with Netlink() as netlink:
            missing = current.routing.rules - installed_rules(netlink)
            routes = installed_routes(netlink)
        if missing:
            raise BackendError(f"somebody took rules of ours away: {_listed(missing)}")
        if routes < len(current.routing.routes):
            raise BackendError(f"routes of ours are gone: somebody switched {DEVICE} off?")
        if not current.exemption.there():
            raise BackendError("somebody took the exemption from connection tracking away")
        return CHECK_S

    def clear(self) -> None:
        """Remove everything of ours, also what a killed process left; let go what is held."""
        current, self._in_force = self._in_force, None
        with Netlink() as netlink:
            # without a rule that leads to it the tunnel gets no more packets
            change(netlink, installed(netlink), Routing(), device=0)
        if current is not None:
            current.undo.close()
        forget_exemption()

    def left(self) -> bool:
        """Tell whether rules of ours are here; without our process they lead nowhere."""
        with Netlink() as netlink:
            return bool(installed_rules(netlink))

    @staticmethod
    def possible() -> str:
        """Return "" where it can serve, else why not, by trying."""
        return why_not()


def _install(netlink: Netlink, row: Row) -> _InForce:
    change(netlink, installed(netlink), Routing(), device=0)
    ways = ways_out(netlink, row, row.peers)
    with ExitStack() as undo:
        tunnel = Tunnel(open_tun())
        undo.callback(_close, tunnel)
        index = configure(netlink, mtu=_mtu(ways))
        forget_exemption()
        exemption = exempt()
        undo.callback(exemption.close)
        links, loop = NodeLinks(tunnel), PacketLoop()
        undo.callback(loop.close)
        links.follow(row)
        thread = LoopThread(loop, [tunnel])
        thread.start()
        undo.callback(_let_go, thread, links)
        wanted = routing_of(row, own_address=own_address(row))
        undo.callback(_unroute)
        change(netlink, Routing(), wanted, device=index)
        undo_all = undo.pop_all()
    return _InForce(undo_all, index, links, loop, thread, exemption, ways, wanted)


def _change(netlink: Netlink, current: _InForce, row: Row) -> None:
    networks = {network for peer in row.peers for network in ipv4(peer.networks)}
    kept = {network: way for network, way in current.ways.items() if network in networks}
    new = [peer for peer in row.peers if not kept.keys() >= set(ipv4(peer.networks))]
    ways = {**ways_out(netlink, row, new), **kept}
    wanted = routing_of(row, own_address=own_address(row))

    def follow() -> None:
        current.links.follow(row)
        current.loop.schedule(current.links.by_peer.values())

    gone = Routing(wanted.rules, current.routing.routes & wanted.routes)
    # the way there goes before the link does, and comes after it
    change(netlink, current.routing, gone, device=current.index)
    current.thread.perform(follow)
    change(netlink, gone, wanted, device=current.index)
    if _mtu(ways) != _mtu(current.ways):
        netlink.do(set_mtu(current.index, _mtu(ways)))
    current.ways, current.routing = ways, wanted


def _read_back(netlink: Netlink, current: _InForce, row: Row) -> None:
    shapes = current.thread.perform(current.links.shapes)
    wrong = [peer.node for peer in row.peers if shapes.get(peer.node) != peer.shape]
    if wrong:
        raise BackendError(f"the links to {', '.join(wrong)} do not do what was asked")
    severed = current.thread.perform(current.links.severed)
    if severed != {peer.node for peer in row.peers if peer.cut}:
        raise BackendError(f"cut off are {_listed(severed)}, not what was asked")
    there = installed(netlink)
    if there != current.routing:
        differing = (there.rules ^ current.routing.rules) | (there.routes ^ current.routing.routes)
        raise BackendError(f"rules or routes are not as asked: {_listed(differing)}")


def _let_go(thread: LoopThread, links: NodeLinks) -> None:
    """Send on what is held, at once and in order, and end the loop."""
    tunnel = links.tunnel

    def drain() -> None:
        for packet in links.open():
            _pass_on(tunnel, packet)
        for _ in range(DRAINED):
            try:
                packet = os.read(tunnel.fd, READ_SIZE)
            except OSError:  # empty, or the device was taken away
                return
            _pass_on(tunnel, packet)

    if thread.alive and not tunnel.gone:
        thread.perform(drain)
    thread.stop()


def _close(tunnel: Tunnel) -> None:
    if not tunnel.gone:  # the loop has closed it then, and another may have its number
        os.close(tunnel.fd)


def _pass_on(tunnel: Tunnel, packet: bytes) -> None:
    try:
        os.write(tunnel.fd, packet)
    except OSError:
        tunnel.foreign += 1


def _unroute() -> None:
    with Netlink() as netlink:
        change(netlink, installed(netlink), Routing(), device=0)


def _cost(current: _InForce, lost: int) -> Cost:
    return Cost(
        cpu_s=time.thread_time(),
        uptime_s=time.monotonic() - current.loop.started,
        lateness_p50_ms=current.loop.lateness_ms(50),
        lateness_p99_ms=current.loop.lateness_ms(99),
        foreign=current.links.tunnel.foreign,
        overrun=lost,
    )


def _mtu(ways: dict[str, WayOut]) -> int:
    return min((way.mtu for way in ways.values()), default=1500)


def _listed(things: object) -> str:
    return ", ".join(sorted(map(str, things)))  # type: ignore[call-overload]
