"""Nodes with pods as clusters lay them out, in namespaces: what the backends' contract runs in.

Node i (from 0) has the address 192.168.77.1i on a switch, the pod network 10.244.i.0/24 and a pod
10.244.i.2 in it. Pods sit behind a bridge as flannel's, or have one veth each as kindnet's; what
joins the nodes is a VXLAN device as flannel makes it, or plain routes. Nodes have the filter and
NAT rules of flannel and kube-proxy, with a policy that drops what no rule lets through.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from fogbed.clients.channel import Channel
from fogbed.network.namespaces import create_namespace, inside

SERVICE = "10.96.0.10"
SERVICE_PORT = 80
POD_PORT = 8080
PODS = "10.244.0.0/16"

_FILTER = f"""
iptables -P FORWARD DROP
iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP
iptables -A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
iptables -A FORWARD -s {PODS} -j ACCEPT
iptables -A FORWARD -d {PODS} -j ACCEPT
iptables -t nat -N KUBE-MARK-MASQ
iptables -t nat -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
iptables -t nat -N KUBE-POSTROUTING
iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
iptables -t nat -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully
iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
"""


def pod_network(number):
    return f"10.244.{number}.0/24"


def pod_address(number):
    return f"10.244.{number}.2"


def node_address(number):
    return f"192.168.77.{10 + number}"


def host_addresses(number):
    return [f"10.244.{number}.0", f"10.244.{number}.1"]


class Layout:
    """Nodes n0, n1, ... and pods p0, p1, ...: namespaces by name, and channels into them.

    ``pods``: "bridge" or "veth"; ``between``: "vxlan" or "plain". ``all_masqueraded``: kube-proxy
    runs with --masquerade-all. ``pods_too=False``: bare hosts, and nothing is forwarded.
    """

    def __init__(self, *, pods="bridge", between="vxlan", count=3, all_masqueraded=False):
        self.numbers = range(count)
        self.pods = pods
        self.between = between
        self._all_masqueraded = all_masqueraded
        self.namespaces = {}
        self.channels = {}
        self._undo = ExitStack()

    def __enter__(self):
        names = ["switch", *(f"{kind}{i}" for i in self.numbers for kind in "np")]
        for name in names:
            namespace = create_namespace()
            self._undo.callback(os.close, namespace)
            self.namespaces[name] = namespace
            enter = f"--net=/proc/{os.getpid()}/fd/{namespace}"
            self.channels[name] = Channel(name, ("nsenter", enter), sys.executable)
            # IPv6's own addresses come at once, and what is there stays as it is
            self.set(name, "ipv6/conf/default/dad_transmits", 0)
            self.set(name, "ipv6/conf/default/accept_dad", 0)
            self.run(name, "ip link set lo up")
        self.run("switch", "ip link add sw0 type bridge", "ip link set sw0 up")
        for number in self.numbers:
            self._join(number)
        for number in self.numbers:
            self._make_pod(number)
            self._route(number)
            if self.pods != "none":
                self._filter(number)
        return self

    def __exit__(self, *_):
        self._undo.close()

    def run(self, name, *commands):
        """Run commands, or lines of them, in a namespace; return what they printed."""
        printed = ""
        with inside(self.namespaces[name]):
            for line in filter(None, "\n".join(commands).splitlines()):
                done = subprocess.run(
                    shlex.split(line), capture_output=True, text=True, check=False, timeout=60
                )
                assert done.returncode == 0, f"{name}: {line}: {done.stderr}"
                printed += done.stdout
        return printed

    def set(self, name, key, value):
        """Write a sysctl of a namespace, such as "ipv4/ip_forward"."""
        with inside(self.namespaces[name]):
            Path("/proc/sys/net", key).write_text(str(value))

    def _join(self, number):
        node = f"n{number}"
        peer = f"/proc/{os.getpid()}/fd/{self.namespaces[node]}"
        self.run(
            "switch",
            f"ip link add port{number} type veth peer name eth0 netns {peer}",
            f"ip link set port{number} up master sw0",
        )
        self.run(node, f"ip addr add {node_address(number)}/24 dev eth0", "ip link set eth0 up")

    def _make_pod(self, number):
        node, pod = f"n{number}", f"p{number}"
        if self.pods == "none":
            return
        self.set(node, "ipv4/ip_forward", 1)
        inner = f"/proc/{os.getpid()}/fd/{self.namespaces[pod]}"
        mtu = 1450 if self.between == "vxlan" else 1500
        self.run(
            node, f"ip link add veth1 mtu {mtu} type veth peer name eth0 mtu {mtu} netns {inner}"
        )
        gateway, address = f"10.244.{number}.1", pod_address(number)
        if self.pods == "bridge":
            self.run(
                node,
                "ip link add cni0 type bridge",
                f"ip link set cni0 mtu {mtu} up",
                f"ip addr add {gateway}/24 dev cni0",
                "ip link set veth1 up master cni0",
            )
        else:
            self.run(
                node,
                "ip link set veth1 up",
                f"ip addr add {gateway}/32 dev veth1",
                f"ip route add {address}/32 dev veth1",
            )
        self.run(
            pod,
            f"ip addr add {address}/24 dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {gateway}",
        )

    def _route(self, number):
        if self.pods == "none":
            return
        node, others = f"n{number}", [other for other in self.numbers if other != number]
        if self.between == "plain":
            for other in others:
                self.run(node, f"ip route add {pod_network(other)} via {node_address(other)}")
            return
        self.run(
            node,
            f"ip link add flannel.1 address 02:00:00:00:00:0{number} mtu 1450 type vxlan id 1"
            f" local {node_address(number)} dev eth0 dstport 8472 nolearning",
            f"ip addr add 10.244.{number}.0/32 dev flannel.1",
            "ip link set flannel.1 up",
        )
        for other in others:
            mac, gateway = f"02:00:00:00:00:0{other}", f"10.244.{other}.0"
            self.run(
                node,
                f"bridge fdb append {mac} dev flannel.1 dst {node_address(other)}",
                f"ip neigh replace {gateway} lladdr {mac} dev flannel.1 nud permanent",
                f"ip route add {pod_network(other)} via {gateway} dev flannel.1 onlink",
            )

    def _filter(self, number):
        node, own = f"n{number}", pod_network(number)
        others = "" if self._all_masqueraded else f"! -s {PODS} "
        service = f"-d {SERVICE}/32 -p tcp --dport {SERVICE_PORT}"
        self.run(
            node,
            _FILTER,
            f"iptables -t nat -A POSTROUTING -s {own} -d {PODS} -j RETURN",
            f"iptables -t nat -A POSTROUTING -s {PODS} -d {own} -j RETURN",
            f"iptables -t nat -A POSTROUTING ! -s {PODS} -d {own} -j RETURN",
            f"iptables -t nat -A POSTROUTING -s {PODS} ! -d 224.0.0.0/4 -j MASQUERADE",
        )
        target = f"{pod_address(1)}:{POD_PORT}"
        for chain in ("PREROUTING", "OUTPUT"):
            self.run(
                node,
                f"iptables -t nat -A {chain} {others}{service} -j KUBE-MARK-MASQ",
                f"iptables -t nat -A {chain} {service} -j DNAT --to-destination {target}",
            )
