"""What a node is, has and can do, found out by asking its kernel and by trying."""

from __future__ import annotations

import os
import platform
import shutil
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogbed.network.agent import backends, record, rtnetlink, systemd
from fogbed.network.agent.attributes import attributes, text_of
from fogbed.network.agent.clearing import cleared
from fogbed.network.agent.netlink import Netlink

TOOLS = ("tc", "ip", "nft", "iptables", "systemd-run", "vcgencmd", "iperf3")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_CAP_NET_ADMIN = 12  # linux/capability.h
_GET_QDISC, _TCM = 38, struct.Struct("=BxxxiIII")  # RTM_GETQDISC, struct tcmsg
_KIND = 1  # TCA_KIND


def hello() -> dict[str, Any]:
    """Return what this node is.

    ``addresses`` of all devices as "10.244.1.1/24"; ``lacking``: of each backend why it cannot
    serve, "" of one that can; ``qdiscs``: those that somebody set, by handle; ``systemd``: why it
    cannot hold the resident, ""; ``cleared``: links that were cleared without being told to.
    """
    with Netlink() as netlink:
        devices = rtnetlink.links(netlink)
        names = {device.index: device.name for device in devices}
        found = [
            *rtnetlink.addresses(netlink),
            *rtnetlink.addresses(netlink, family=10),
        ]
        routes = [
            {**asdict(route), "device": names.get(route.device, "")}
            for route in rtnetlink.routes(netlink)
            if route.table == rtnetlink.MAIN_TABLE
        ]
        qdiscs = _qdiscs(netlink, names)
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "uid": os.geteuid(),
        "net_admin": has_capability(Path("/proc/self/status").read_text(encoding="utf-8")),
        "systemd": systemd.unserved(systemd.surroundings()),
        "devices": [asdict(device) for device in devices],
        "addresses": [f"{each.address}/{each.length}" for each in found],
        "routes": routes,
        "qdiscs": qdiscs,
        "tools": {tool: path for tool in TOOLS if (path := shutil.which(tool, path=_path()))},
        "lacking": backends.lacking(),
        "cleared": cleared(record.read()),
    }


def has_capability(status: str, number: int = _CAP_NET_ADMIN) -> bool:
    """Tell whether a process has a capability in force, by its /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _path() -> str:
    """Return where to look: an ordinary user's PATH often leaves out where tc is."""
    return f"{os.environ.get('PATH', '')}:{_SBIN}"


def _qdiscs(netlink: Netlink, names: dict[int, str]) -> list[dict[str, str]]:
    """Return the queueing disciplines that were set; the kernel's own defaults have handle 0."""
    found = []
    for answer in netlink.dump(_GET_QDISC, _TCM.pack(0, 0, 0, 0, 0)):
        _, index, handle, _, _ = _TCM.unpack_from(answer.body)
        if handle:
            kind = text_of(attributes(answer.body, _TCM.size).get(_KIND, b""))
            major = f"{handle >> 16:x}:"
            found.append({"device": names.get(index, ""), "kind": kind, "handle": major})
    return found
