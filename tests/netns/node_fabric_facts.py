"""Facts about the node fabric that need real packets; prints one of them as JSON.

``node_fabric_facts.py FACT [PODS BETWEEN]``, each in a layout of its own (see ``node_layout``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from node_backends import NodeBackend, NodeBackends, row_of
from node_layout import (
    POD_PORT,
    SERVICE,
    SERVICE_PORT,
    Layout,
    node_address,
    pod_address,
)

from fogbed.network.agent.backend import Row
from fogbed.network.agent.node_fabric import NodeFabric
from fogbed.network.namespaces import inside
from fogbed.network.sessions import agents

EVERY = [(i, j) for i in range(3) for j in range(3) if i != j]
BLOB = 2**21


@contextmanager
def nodes(pods, between, *, ends=("n0", "p0"), backend="fabric", **given):
    with (
        Layout(pods=pods, between=between, **given) as layout,
        NodeBackends(layout, backend) as backends,
        agents({end: layout.channels[end] for end in ends}) as sessions,
    ):
        yield layout, backends, sessions


def shaped(delay_ms=0, **given):
    return {pair: {"delay_ms": delay_ms, **given} for pair in EVERY}


def least(session, address, count=20):
    rtts = session.ping([address], count=count, interval_s=0.01, wait_s=5.0)[address].answered()
    return float(rtts.rtts_ms.min()) if rtts.rtts_ms.size else None


def answered(session, address, wait_s=5.0):
    probes = session.ping([address], count=10, interval_s=0.01, wait_s=wait_s)[address]
    return int(probes.answered().rtts_ms.size)


def state(layout, node="n0"):
    """Return all that a backend could leave behind, without what counts or ages."""
    shown = layout.run(
        node,
        "ip rule",
        "ip -6 rule",
        "ip route show table all",
        "ip -6 route show table all",
        "ip -o link",
        "ip addr",
        "nft list ruleset",
        "iptables-legacy-save",
    )
    shown = "\n".join(line for line in shown.splitlines() if not line.startswith("#"))
    return re.sub(r"packets \d+ bytes \d+|\[\d+:\d+\]", "", shown)


def settled(layout):
    """Return the state once IPv6 has found its own addresses."""
    shown = ""
    while (now := state(layout)) != shown:
        shown = now
        time.sleep(0.5)
    return shown


def of_ipv6(layout):
    """Return the rules and routes of IPv6 that are not of our device."""
    shown = layout.run("n0", "ip -6 rule", "ip -6 route show table all")
    return [line for line in shown.splitlines() if "fogbed0" not in line]


def untouched(pods, between):
    """Delay all pods by 300 ms; tell of what is none of a pod's business how long it takes."""
    with nodes(pods, between) as (layout, backends, sessions):
        settled(layout)
        before = of_ipv6(layout)
        backends.apply(shaped(300))
        pods_before = backends.counters(0, 1)["packets"]
        seen = {
            "node_to_node": least(sessions["n0"], node_address(1)),
            "node_to_pod": least(sessions["n0"], pod_address(1)),
            "node_to_own_pod": least(sessions["n0"], pod_address(0)),
            "pod_to_node": least(sessions["p0"], node_address(1)),
            "pod_to_own_node": least(sessions["p0"], "10.244.0.1"),
            "carried": backends.counters(0, 1)["packets"] - pods_before,
            "pod_to_pod": least(sessions["p0"], pod_address(1)),
        }
        if pods == "bridge":
            seen["pod_to_host"] = least(sessions["p0"], "10.244.1.1")
        return {**seen, "ipv6": of_ipv6(layout) == before}


def leftovers(pods, between):
    """Apply, change and clear; kill and succeed; tell what differs from before."""
    with nodes(pods, between) as (layout, backends, sessions):
        before = settled(layout)
        backends.nodes[0].ask("clear")
        seen = {"nothing_to_clear": state(layout) == before}
        backends.apply(shaped(10))
        seen |= {"shaping": state(layout) != before}
        seen |= {"delayed": least(sessions["p0"], pod_address(1))}
        backends.clear()
        seen |= {
            "cleared": state(layout) == before,
            "at_once": least(sessions["p0"], pod_address(1)),
        }
        backends.apply(shaped(300))
        backends.nodes[0].kill()
        killed = least(sessions["p0"], pod_address(1))
        with inside(layout.namespaces["n0"]):
            seen |= {"killed": killed, "stale": NodeFabric().left()}
        backends.start(0)
        backends.nodes[0].ask("clear")
        with inside(layout.namespaces["n0"]):
            seen["stale_after"] = NodeFabric().left()
        seen["cleared_after"] = state(layout) == before
        backends.nodes[0].ask("apply", row=backends.row(0, shaped(10)))
        backends.nodes[0].kill()
        backends.start(0)
        backends.nodes[0].ask("apply", row=backends.row(0, shaped(15)))
        seen["succeeded"] = least(sessions["p0"], pod_address(1))
        backends.clear()
        return {**seen, "cleared_last": state(layout) == before}


def service(pods, between, masqueraded="", backend="fabric"):
    """Send both ways over TCP to a service's address whose pod is on the other node."""
    given = {"all_masqueraded": bool(masqueraded), "backend": backend}
    with nodes(pods, between, **given) as (layout, backends, _):
        backends.apply(shaped(5))
        with inside(layout.namespaces["p1"]):
            listener = socket.create_server((pod_address(1), POD_PORT))
        listener.settimeout(10)
        clients = []
        for end in ("p0", "p2", "p0"):
            with inside(layout.namespaces[end]):
                clients.append(socket.socket())
        seen = []
        for client in clients:
            client.settimeout(10)
            client.connect((SERVICE, SERVICE_PORT))
            server, address = listener.accept()
            there, back = _exchange(client, server), _exchange(server, client)
            seen.append({"there": there, "back": back, "from": address[0]})
        carried = [backends.counters(*pair)["packets"] for pair in ((0, 1), (1, 0))]
        return {"connections": seen, "carried": carried}


def surviving(pods, between):
    """Hold a connection to a service's address open while shaping comes, goes and is killed."""
    with nodes(pods, between) as (layout, backends, _):
        with inside(layout.namespaces["p1"]):
            listener = socket.create_server((pod_address(1), POD_PORT))
        with inside(layout.namespaces["p0"]):
            client = socket.create_connection((SERVICE, SERVICE_PORT), timeout=10)
        server, _ = listener.accept()

        def killed():
            backends.apply(shaped(2))
            for node in backends.nodes:
                node.kill()

        def succeeded():
            for number in layout.numbers:
                backends.start(number)
            backends.apply(shaped(3))

        stages = {
            "before": lambda: None,
            "applied": lambda: backends.apply(shaped(5)),
            "cleared": backends.clear,
            "killed": killed,
            "succeeded": succeeded,
        }
        seen = {}
        for stage, act in stages.items():
            act()
            seen[stage] = _exchange(client, server) and _exchange(server, client)
        return seen


def _exchange(sender, receiver):
    blob = os.urandom(BLOB)
    thread = threading.Thread(target=sender.sendall, args=(blob,))
    thread.start()
    digest, left = hashlib.sha256(), BLOB
    receiver.settimeout(10)
    while left and (chunk := receiver.recv(2**16)):
        digest.update(chunk)
        left -= len(chunk)
    thread.join()
    return digest.digest() == hashlib.sha256(blob).digest()


def strict(pods, between):
    """Have nodes filter reverse paths strictly; tell what is refused, and what works if told to."""
    egress = "flannel.1" if between == "vxlan" else "eth0"
    with nodes(pods, between) as (layout, backends, sessions):
        seen = {}
        for number in layout.numbers:
            layout.set(f"n{number}", "ipv4/conf/all/rp_filter", 1)
        before = settled(layout)
        try:
            backends.apply(shaped(10))
        except RuntimeError as error:
            seen["refused"] = str(error)
        seen |= {"nothing_left": state(layout) == before}
        seen["flows"] = answered(sessions["p0"], pod_address(1))
        for number in layout.numbers:
            layout.set(f"n{number}", f"ipv4/conf/{egress}/rp_filter", 2)
        backends.apply(shaped(10))
        return {**seen, "works": least(sessions["p0"], pod_address(1))}


def changing(pods, between):
    """Take peers away and add them, and a network, while others are probed; then break it."""
    with nodes(pods, between) as (layout, backends, sessions):
        node = backends.nodes[0]
        row = backends.row(0, shaped(10))
        first, second = row["peers"]
        node.ask("apply", row={**row, "peers": [first]})
        seen = {
            "one": least(sessions["p0"], pod_address(1)),
            "none": least(sessions["p0"], pod_address(2)),
        }
        node.ask("apply", row=row)
        seen |= {"both": least(sessions["p0"], pod_address(2)), "peers": sorted(node.ask("show"))}
        node.ask("apply", row={**row, "peers": [second]})
        seen |= {"gone": least(sessions["p0"], pod_address(1)), "left": sorted(node.ask("show"))}
        for name, wrong in {
            "no_route": {**first, "networks": ["198.51.100.0/24"]},
            "own": {**first, "networks": row["networks"]},
            "only_6": {**first, "networks": ["2001:db8::/64"]},
            "more": {**first, "hosts": ["::1"], "shape": {"corrupt": 2}},
        }.items():
            try:
                node.ask("apply", row={**row, "peers": [wrong, second]})
            except RuntimeError as error:
                seen[name] = str(error)
        node.ask("apply", row=row)
        seen["after"] = [least(sessions["p0"], pod_address(other)) for other in (1, 2)]
        layout.run("n0", "ip rule del priority 10203")
        seen["rule"] = _step(node)
        node.ask("clear")
        node.ask("apply", row=row)
        seen["sound"] = _step(node)
        layout.run("n0", "ip link set fogbed0 down", "ip link set fogbed0 up")
        seen["off"] = _step(node)
        layout.run("n0", "ip link del fogbed0")
        seen["device"] = _step(node)
        node.ask("clear")
        return {**seen, "rules": layout.run("n0", "ip rule").count("\n")}


def _step(node):
    try:
        node.ask("step_now")
    except RuntimeError as error:
        return str(error)
    return ""


def mtu(pods, between):
    """Let pods believe in 1500 octets where the way out has 1450; TCP must find out, UDP too."""
    with nodes(pods, between) as (layout, backends, _):
        for number in layout.numbers:
            layout.run(f"p{number}", "ip link set eth0 mtu 1500")
            layout.run(f"n{number}", "ip link set veth1 mtu 1500")
            if pods == "bridge":
                layout.run(f"n{number}", "ip link set cni0 mtu 1500")
        backends.apply(shaped(5))
        with inside(layout.namespaces["p1"]):
            listener = socket.create_server((pod_address(1), POD_PORT))
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((pod_address(1), POD_PORT))
        datagrams.settimeout(10)
        with inside(layout.namespaces["p0"]):
            client = socket.socket()
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        seen = {"stream": _exchange(client, server)}
        # without "don't fragment": what is larger than the way is cut up, and put together there
        sender.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT
        blob = os.urandom(4000)
        sender.sendto(blob, datagrams.getsockname())
        shown = layout.run("n0", "ip link show fogbed0")
        return {
            **seen,
            "datagram": datagrams.recv(5000) == blob,
            "mtu": int(re.search(r"mtu (\d+)", shown)[1]),
        }


def bare_hosts():
    """Shape what hosts without pods send each other, though they forward nothing."""
    with nodes("none", "plain", ends=("n0",)) as (layout, backends, sessions):
        bare = least(sessions["n0"], node_address(1))
        before = settled(layout)
        backends.apply({(0, 1): {"delay_ms": 20}, (1, 0): {"delay_ms": 10}})
        seen = {
            "bare": bare,
            "shaped": least(sessions["n0"], node_address(1)),
            "other": least(sessions["n0"], node_address(2)),
            "to_itself": least(sessions["n0"], node_address(0)),
        }
        with inside(layout.namespaces["n1"]):
            listener = socket.create_server((node_address(1), POD_PORT))
        with inside(layout.namespaces["n0"]):
            client = socket.socket()
        client.connect(listener.getsockname())
        server, address = listener.accept()
        seen |= {"stream": _exchange(client, server), "from": address[0]}
        backends.apply({(0, 1): {"loss": 1.0}})
        seen["lost"] = answered(sessions["n0"], node_address(1), 0.3)
        backends.clear()
        seen |= {
            "cleared": state(layout) == before,
            "after": least(sessions["n0"], node_address(1)),
        }
        backends.apply(shaped(50))
        backends.nodes[0].kill()
        return {**seen, "killed": least(sessions["n0"], node_address(1))}


def held():
    """Clear while packets are held for a minute: they go on at once, in their order."""
    with nodes("veth", "plain") as (layout, backends, _):
        backends.apply(shaped(60_000))
        with inside(layout.namespaces["p1"]):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind((pod_address(1), 0))
        receiver.settimeout(10)
        with inside(layout.namespaces["p0"]):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for number in range(50):
            sender.sendto(bytes([number]), receiver.getsockname())
        began = time.monotonic()
        while backends.counters(0, 1)["queued"] < 50 and time.monotonic() < began + 30:
            time.sleep(0.01)
        backends.clear()
        return [receiver.recv(10)[0] for _ in range(50)]


def without_nft():
    """Exempt by a rule of iptables where the kernel has no nf_tables; be killed, and succeed."""
    with nodes("bridge", "plain", backend="fabric-without-nft") as (layout, backends, sessions):
        before = settled(layout)

        def rules():
            return layout.run("n0", "iptables-legacy-save -t raw").count("--notrack")

        backends.apply(shaped(10))
        seen = {"rules": [rules()], "delayed": least(sessions["p0"], pod_address(1))}
        backends.nodes[0].kill()
        backends.start(0)
        backends.nodes[0].ask("apply", row=backends.row(0, shaped(10)))
        seen["rules"].append(rules())
        layout.run("n0", "iptables-legacy -t raw -F")
        seen["taken"] = _step(backends.nodes[0])
        backends.clear()
        seen["rules"].append(rules())
        # the table itself stays with legacy iptables, once it is asked for
        empty = "\n*raw\n:PREROUTING ACCEPT \n:OUTPUT ACCEPT \nCOMMIT"
        return {**seen, "cleared": state(layout).replace(empty, "") == before}


def possible():
    """Tell what is said of whether it can serve: as root, and where something is missing."""
    with Layout(pods="bridge", between="plain", count=1) as layout:
        before = settled(layout)
        hidden = 'mount -t tmpfs none /dev/net && exec "$@"'
        ways = {
            "root": [],
            "no_device": ["unshare", "-m", "sh", "-c", hidden, "sh"],
            "no_device_ever": [
                *("setpriv", "--bounding-set=-mknod"),
                *("unshare", "-m", "sh", "-c", hidden, "sh"),
            ],
            "no_rights": ["setpriv", "--bounding-set=-net_admin"],
            "no_namespace": ["setpriv", "--bounding-set=-sys_admin"],
        }
        seen = {}
        for name, through in ways.items():
            node = NodeBackend(layout.channels["n0"], "fabric", *through)
            seen[name] = node.ask("possible")
            node.end()
        names = [str(each) for each in Path("/dev").glob(".fogbed*")]
        return {**seen, "left": state(layout) != before, "names": names}


def resident():
    """Have the agent's resident shape, then be silent; tell what was, and what is afterwards."""
    # what residents keep is under /run; these are namespaces of our own
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    ends = ("n0", "n1", "n2", "p0")
    with (
        Layout(pods="bridge", between="vxlan") as layout,
        agents({end: layout.channels[end] for end in ends}) as sessions,
    ):
        before = settled(layout)

        def apply(delay_ms, lease_s):
            for number in layout.numbers:
                row = Row.from_json(row_of(layout, number, shaped(delay_ms)))
                sessions[f"n{number}"].links_apply(row, controller="us", lease_s=lease_s)
            return least(sessions["p0"], pod_address(1))

        seen = {"delayed": [apply(20, 600), apply(30, 600)]}
        shown = sessions["n0"].links_show()
        seen |= {"backend": shown.backend, "shown": shown.shapes["n1"].delay_ms}
        carried = sessions["n0"].links_counters()
        seen |= {"packets": carried.peers["n1"].packets, "cpu_s": carried.cost.cpu_s}
        apply(30, 0.5)
        began = time.monotonic()
        while state(layout) != before and time.monotonic() < began + 60:
            time.sleep(0.1)
        seen |= {"left": state(layout) != before, "after": least(sessions["p0"], pod_address(1))}
        return {**seen, "why": sessions["n0"].links_show().cleared.why}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
