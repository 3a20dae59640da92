"""What the kernel here makes of a plan for tc, all but netem, which it need not have. Prints JSON.

Packets go into a veth whose other end nobody reads; classes tell how many were led to them.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fogbed.network.agent import rtnetlink, wire
from fogbed.network.agent.attributes import attributes
from fogbed.network.agent.backend import BackendError, Peer, Row
from fogbed.network.agent.netlink import Netlink, NetlinkError, Request
from fogbed.network.agent.tc_backend import TcBackend
from fogbed.network.agent.tc_messages import (
    AT_ROOT,
    CREATE,
    GET_CLASS,
    NEW_QDISC,
    OURS,
    TCMSG,
    request,
)
from fogbed.network.agent.tc_places import find_places
from fogbed.network.agent.tc_reading import _flow, foreign_root, ours, qdiscs, read
from fogbed.network.agent.tc_tree import Tree
from fogbed.network.agent.tc_trial import why_not
from fogbed.network.agent.ways_out import ways_out
from fogbed.plan.tc import Egress, Leaf, TcPeer, plan_tc
from fogbed.plan.tc_diff import NETEM, ROOT, diff
from fogbed.plan.tc_filters import classes_of

SHAPER = Path(__file__).parents[2] / "manifests" / "shaper" / "shaper.py"
PEERS = 999
OWN = ("10.9.0.0", "10.9.0.1")


def main():
    with Netlink() as netlink:
        facts = {
            "netem": why_not(),
            "duplicate": why_not(duplicate=True),
            "devices_left": [each.name for each in rtnetlink.links(netlink)],
        }
        device = make_device(netlink)
        facts["classes"] = led(netlink, device)
        facts["foreign"] = refused(netlink, device)
        facts["taken"] = taken_away(netlink)
        facts["killed"] = left_by_a_killed_container(netlink)
        facts["place"] = place(netlink)
        facts["rules"] = by_rules(netlink)
        facts["backend"] = what_the_backend_says()
        facts["left"] = sorted(ours(qdiscs(netlink)))
    json.dump(facts, sys.stdout)


def make_device(netlink):
    netlink.do(rtnetlink.add_device("pods0", "veth", peer="pods1"))
    made = [rtnetlink.link(netlink, name).index for name in ("pods0", "pods1")]
    netlink.batch(rtnetlink.set_up(index) for index in made)
    for address in ("10.9.0.1", "10.9.0.5", "192.0.2.1"):
        subprocess.run(["ip", "address", "add", address, "dev", "pods0"], check=True)
    for network in ("10.0.0.0/12", "10.64.0.0/12", "198.51.100.0/24"):
        subprocess.run(["ip", "route", "add", network, "dev", "pods0"], check=True)
    return made[0]


def led(netlink, index):
    """Have 999 peers led; send packets to some and tell by class how many came."""
    egress = Egress("pods0")
    peers = [
        TcPeer(
            (f"10.{number // 256}.{number % 256}.0/24",),
            (f"10.{number // 256}.{number % 256}.0", f"10.{number // 256}.{number % 256}.1"),
            egress,
            Leaf(),
        )
        for number in range(PEERS)
        if number // 256 != 9
    ]
    peers.append(TcPeer(("198.51.100.7/32",), (), egress, Leaf(octets_per_s=1_000_000)))
    peers.append(TcPeer(("10.64.0.0/12",), ("10.64.0.9",), egress, Leaf()))
    plan = plan_tc(peers, OWN)
    operations = [each for each in diff({}, plan) if each.what != NETEM]
    netlink.batch(request(each, index) for each in operations)
    minors = classes_of(plan["pods0"].filters)
    counts = {}
    for source, target in (
        ("10.9.0.5", "10.0.0.5"),
        ("10.9.0.5", "10.3.230.255"),
        ("10.9.0.5", "10.2.7.1"),
        ("10.9.0.1", "10.2.7.5"),
        ("10.9.0.5", "198.51.100.7"),
        ("10.9.0.5", "198.51.100.8"),
        ("10.9.0.5", "10.70.1.1"),
        ("10.9.0.5", "10.64.0.9"),
    ):
        before = flows(netlink, index)
        send(source, target, index, netlink)
        after = flows(netlink, index)
        names = {minor: name for name, minor in minors.items()}
        counts[f"{source}>{target}"] = {
            names[minor]: after[minor].packets - before[minor].packets
            for minor in after
            if after[minor].packets != before[minor].packets
        }
    left = TcBackend().left()
    reading = read(netlink, index, egress)
    same = reading.device.filters == plan["pods0"].filters
    smaller = plan_tc(peers[:3], OWN, installed=plan)
    gone = [each for each in diff(plan, smaller) if each.what != NETEM]
    netlink.batch(request(each, index) for each in gone)
    netlink.batch(request(each, index) for each in diff(smaller, {}))
    found = {"counts": counts, "as_planned": same, "whole": reading.is_whole()}
    return {**found, "told": [left, TcBackend().left()]}


def flows(netlink, index):
    found = {}
    for _, body in netlink.dump(GET_CLASS, TCMSG.pack(0, index, 0, OURS, 0)):
        _, _, handle, _, _ = TCMSG.unpack_from(body)
        found[handle & 0xFFFF] = _flow(attributes(body, TCMSG.size))
    return found


def send(source, target, index, netlink):
    # RTM_NEWNEIGH: the address is behind the device, for good
    neighbour = b"\2\0\0\0" + index.to_bytes(4, "little") + b"\x80\0\0\0"
    destination = socket.inet_aton(target)
    link_address = b"\x0a\0\2\0" + b"\2\0\0\0\0\1" + b"\0\0"
    netlink.do(Request(28, CREATE, neighbour + b"\x08\0\1\0" + destination + link_address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        for _ in range(3):
            sock.sendto(b"x", (target, 9))


def refused(netlink, index):
    """Have another tool's qdisc there, and tell what is said of it."""
    body = TCMSG.pack(0, index, 7 << 16, AT_ROOT, 0) + b"\x0a\0\1\0pfifo\0\0\0"
    netlink.do(Request(NEW_QDISC, CREATE, body))
    tree = Tree()
    said = "nothing"
    try:
        tree.find({index: Egress("pods0")})
    except BackendError as error:
        said = str(error)
    finally:
        tree.clear()
        tree.close()
        assert foreign_root(qdiscs(netlink), index) == "pfifo 7:", "clear touched another's"
        netlink.do(Request(NEW_QDISC + 1, 0, TCMSG.pack(0, index, 7 << 16, AT_ROOT, 0)))
    return said


def taken_away(netlink):
    """Have a root, then a device with one, taken away by another; tell what the backend says."""
    return {
        "root": watched(netlink, lambda index: Request(NEW_QDISC + 1, 0, root_at(index))),
        "device": watched(netlink, rtnetlink.delete_device),
    }


def left_by_a_killed_container(netlink):
    """Have our root and another's on devices, and start a shaper with and without a resident."""
    index, other = new_device(netlink, "left0"), new_device(netlink, "other0")
    netlink.do(our_root(Egress("left0"), index))
    pfifo = TCMSG.pack(0, other, 7 << 16, AT_ROOT, 0) + b"\x0a\0\1\0pfifo\0\0\0"
    netlink.do(Request(NEW_QDISC, CREATE, pfifo))
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "links-1.json")
        record.write_text('{"in_force": {"controller": "ada"}}')
        with wire.listen() as resident:
            run_shaper(folder, resident)
            served = (sorted(ours(qdiscs(netlink))) == [index], json.loads(record.read_text()))
        said = run_shaper(folder)
        told = json.loads(record.read_text())["cleared"]
    left = {each.device: each.kind for each in qdiscs(netlink) if each.handle}
    for each in (index, other):
        netlink.do(rtnetlink.delete_device(each))
    return {
        "served": served,
        "said": said,
        "told": [told["controller"], told["why"]],
        "left": [left.get(index, ""), left[other]],
    }


def run_shaper(folder, resident=None):
    """Run what a shaper's container does, from its start to its end; return what it says first."""
    program = SHAPER.read_text(encoding="utf-8").replace("/run/fogbed", folder)
    shaper = subprocess.Popen(
        [sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True
    )
    status = Path(f"/proc/{shaper.pid}/status")
    # from when on it heeds a signal: it ignores the ends of children just after
    sigchld = 1 << signal.SIGCHLD - 1
    while not int(re.search(r"SigIgn:\t(\w+)", status.read_text())[1], 16) & sigchld:
        assert shaper.poll() is None
        time.sleep(0.01)
    shaper.terminate()
    if resident:
        resident.accept()[0].close()
    return shaper.communicate()[0].splitlines()[0]


def new_device(netlink, name):
    netlink.do(rtnetlink.add_device(name, "veth", peer=f"{name}p"))
    return rtnetlink.link(netlink, name).index


def our_root(egress, index):
    operations = diff({}, plan_tc([TcPeer((), (), egress, Leaf())]))
    (root,) = (each for each in operations if each.what == ROOT)
    return request(root, index)


def root_at(index):
    return TCMSG.pack(0, index, OURS, AT_ROOT, 0)


def watched(netlink, take_away):
    index, egress = new_device(netlink, "gone0"), Egress("gone0")
    netlink.do(our_root(egress, index))
    backend = TcBackend()
    backend._tree, backend._row = Tree(), row_of()
    backend._tree.find({index: egress})
    said = {"again": backend.step() is not None}
    netlink.do(take_away(index))
    backend._watch_at = 0.0
    try:
        backend.step()
    except BackendError as error:
        said["error"] = str(error)
    backend.clear()
    with contextlib.suppress(NetlinkError):
        netlink.do(rtnetlink.delete_device(index))
    return said


def row_of(*networks):
    peers = tuple(Peer(f"n{n}", (network,)) for n, network in enumerate(networks))
    return Row("some", "here", ("10.9.0.0/24",), ("10.9.0.1",), peers)


def place(netlink):
    found = find_places(netlink, row_of("10.3.0.0/24"))
    said = ""
    try:
        find_places(netlink, row_of("203.0.113.0/24", "10.3.0.0/24", "10.9.0.5/32"))
    except BackendError as error:
        said = str(error)
    return {
        "device": found.of["n0"].egress.name,
        "header": found.of["n0"].egress.header,
        "said": said,
    }


def by_rules(netlink):
    """Have pods' packets led elsewhere by others' rules; tell what both emulators say of it."""
    netlink.do(rtnetlink.add_device("away0", "veth", peer="away1"))
    netlink.do(rtnetlink.set_up(rtnetlink.link(netlink, "away0").index))
    row, said = row_of("10.3.0.0/24"), {}
    for name, rule, route in (
        ("pods", "pref 32000 from 10.9.0.0/24", "10.0.0.0/12 dev away0"),
        ("early", "pref 100 from 10.9.0.0/25", "default dev away0"),
        ("iif", "pref 32001 iif pods1", "10.3.0.0/16 dev away0"),
        ("same", "pref 32000 from 10.9.0.0/24", "10.0.0.0/12 dev pods0"),
        ("other pods", "pref 100 from 10.7.0.0/24", "default dev away0"),
        ("another target", "pref 100 to 10.5.0.0/24", "default dev away0"),
        ("node itself", "pref 100 iif lo", "default dev away0"),
        ("mark", "pref 100 fwmark 7", "default dev away0"),
        ("no route", "pref 100", "192.0.2.0/24 dev away0"),
        ("thrown", "pref 100", "throw 10.3.0.0/16"),
        ("after main", "pref 32767", "default dev away0"),
    ):
        with ruled(rule, route):
            said[name] = [told(find_places, netlink, row), told(ways_out, netlink, row, row.peers)]
    with ruled("not fwmark 7 pref 500", "default dev away0"):
        # as wg-quick does: what the main table knows better than by its default comes first
        add = "ip rule add pref 400 table main suppress_prefixlength 0"
        subprocess.run(add.split(), check=True)
        said["suppressed"] = [told(find_places, netlink, row)]
        subprocess.run(["ip", "rule", "del", "pref", "400"], check=True)
        said["not marked"] = [told(find_places, netlink, row)]
    return said


@contextlib.contextmanager
def ruled(rule, route):
    subprocess.run(f"ip route add table 77 {route}".split(), check=True)
    subprocess.run(f"ip rule add {rule} table 77".split(), check=True)
    yield
    subprocess.run(f"ip rule del {rule} table 77".split(), check=True)
    subprocess.run(["ip", "route", "flush", "table", "77"], check=True)


def told(act, *given):
    try:
        found = act(*given)
    except BackendError as error:
        return str(error)
    ways = found if isinstance(found, dict) else {n: e.egress for n, e in found.of.items()}
    return [getattr(each, "device", getattr(each, "name", "")) for each in ways.values()]


def what_the_backend_says():
    backend = TcBackend()
    said = "applied"
    try:
        backend.apply(row_of("10.3.0.0/24"))
    except BackendError as error:
        said = str(error)
    finally:
        with contextlib.suppress(NetlinkError):
            backend.clear()
        assert backend.show() == {}
    return said


if __name__ == "__main__":
    main()
