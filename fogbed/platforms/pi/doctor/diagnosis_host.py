"""What is wrong with one node by its own facts: (name, level, found, what to do).

What blocks is what the role ``preflight`` refuses, by the same limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fogbed.platforms.pi.doctor.facts import Level
from fogbed.spec.testbed import Node, Testbed

Said = tuple[str, Level, str, str]
Facts = Mapping[str, Any]

_MB = 2**20
_MEMORY_MB = {"control-plane": 1700, "worker": 850}
_CPUS = 2
_DISK_MB, _DISK_AGAIN_MB = 3000, 500
# kubelet evicts pods when the disk of images has less than this left
_DISK_LEFT = 0.15
# Of one small write, p99: etcd's heartbeat is 250 ms here, and it writes before it answers.
_WRITE_MS = {"control-plane": 100.0, "worker": 1000.0}
_OLDEST_KERNEL = (5, 4)
_SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("24.04", "26.04")}
_SUPPORTED = "64-bit Raspberry Pi OS bookworm or trixie, Debian 12 or 13, Ubuntu 24.04 or 26.04"
_HOT_C = 80.0
_OUR_CNI = "10-flannel.conflist"
_GIGABIT_MODELS = ("Raspberry Pi 4", "Raspberry Pi 5", "Compute Module 4", "Compute Module 5")
# Bits of get_throttled: https://www.raspberrypi.com/documentation/computers/os.html#vcgencmd
_POWER_NOW, _POWER_EVER = 1 << 0, 1 << 16
_SLOWED_NOW, _SLOWED_EVER = 0b1110, 0b1110 << 16


def system(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """Operating system, architecture, kernel, sudo."""
    del testbed, node
    arch = facts["arch"]
    if facts["os"] == "raspbian" or arch in ("armhf", "armel", "i386"):
        found = f"32-bit ({arch}) under a kernel that says {facts['machine']}"
        yield "arch", "blocks", found, "write a 64-bit image to its card"
    elif arch not in ("arm64", "amd64"):
        yield "arch", "blocks", f"{arch or 'no dpkg'} is not supported", "use arm64 or amd64"
    if facts["os"] != "raspbian" and facts["os_version"] not in _SYSTEMS.get(facts["os"], ()):
        yield "os", "blocks", f"{facts['os_name']} is not supported", f"use {_SUPPORTED}"
    numbers = tuple(int(word) for word in facts["kernel"].split("-")[0].split(".")[:2])
    if numbers < _OLDEST_KERNEL:
        fix = "sudo apt full-upgrade there, then reboot it"
        yield "kernel", "blocks", f"{facts['kernel']} is older than 5.4", fix
    if facts["sudo"] == "password":
        fix = "give --ask-become-pass to fogbed up, or allow it: sudo raspi-config, System Options"
        yield "sudo", "warns", "asks for a password", fix
    elif facts["sudo"] == "outsider":
        found = "asks for a password, and the user of ssh.user is in no group that may use it"
        fix = (
            "if up says that it is not in the sudoers file, as root there: usermod -aG sudo USER; "
            "else give --ask-become-pass to fogbed up"
        )
        yield "sudo", "warns", found, fix
    elif facts["sudo"] == "none":
        fix = "as root there: usermod -aG sudo USER"
        yield "sudo", "blocks", "the user of ssh.user may not use it", fix
    elif facts["sudo"] == "missing":
        fix = "as root there: apt install sudo; usermod -aG sudo USER"
        yield "sudo", "blocks", "there is none", fix


def kernel(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """Kernel modules, control groups, swap."""
    del node
    missing = {name for name, state in facts["modules"].items() if state == "missing"}
    extra = "sudo apt install linux-modules-extra-raspi there (Ubuntu), or another kernel"
    for name in sorted(missing & {"vxlan", "br_netfilter", "overlay"}):
        yield "modules", "blocks", f"its kernel has no {name}, which pods need", extra
    lacking = sorted(missing & {"sch_netem", "ifb"})
    if lacking:
        found = f"its kernel has no {' and no '.join(lacking)}: no emulated network there"
        yield "modules", "warns", found, extra
    cgroup = facts["cgroup"]
    if cgroup["version"] == 1 and testbed.kubernetes.kubelet.get("failCgroupV1", True):
        fix = "take systemd.unified_cgroup_hierarchy=0 out of its kernel command line, or set "
        fix += "kubernetes.kubelet.failCgroupV1: false"
        yield "cgroup", "blocks", "cgroup v1, on which kubelet does not start", fix
    if not cgroup["memory"]:
        fix = "nothing: fogbed up turns it on and restarts the node"
        yield "cgroup", "mended", "the memory cgroup is off", fix
    makers = sorted({swap["by"] for swap in facts["swap"]})
    if makers:
        size = sum(swap["bytes"] for swap in facts["swap"]) // _MB
        fix = "nothing: fogbed up turns it off for good, fogbed down --purge on again"
        yield "swap", "mended", f"{size} MB, by {', '.join(makers)}", fix


def size(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """Memory, processors, disk."""
    ignored = {name.lower() for name in testbed.kubernetes.ignore_preflight}
    needed, has = _MEMORY_MB[node.role], facts["memory"] // _MB
    if has < needed:
        level: Level = "warns" if {"mem", "all"} & ignored else "blocks"
        fix = "give this role to a bigger machine"
        yield "memory", level, f"{has} MB; a {node.role} node needs {needed}", fix
    if node.role == "control-plane" and facts["cpus"] < _CPUS:
        level = "warns" if {"numcpu", "all"} & ignored else "blocks"
        fix = "give this role to a bigger machine"
        yield "cpus", level, f"{facts['cpus']}; a control-plane node needs {_CPUS}", fix
    yield from _disk(facts["disk"], node, is_again=facts["in_cluster"])


def _disk(disk: Facts, node: Node, *, is_again: bool) -> Iterator[Said]:
    room = "make room: sudo apt clean; sudo journalctl --vacuum-size=50M; or use a bigger card"
    free, needed = disk["free"] // _MB, _DISK_AGAIN_MB if is_again else _DISK_MB
    if disk["read_only"]:
        fix = "look at its card (dmesg | grep -i 'ext4\\|mmc'), turn off the overlay file system"
        yield "disk", "blocks", "read-only", fix
    elif free < needed:
        yield "disk", "blocks", f"{free} MB free under /var/lib; {needed} are needed", room
    elif disk["free"] < _DISK_LEFT * disk["total"]:
        share = disk["free"] / disk["total"]
        found = f"{share:.0%} free; below {_DISK_LEFT:.0%} kubelet throws images and pods away"
        yield "disk", "warns", found, room
    if disk.get("write_problem") and "write_p99_ms" not in disk:
        yield "disk", "blocks", f"it cannot be written: {disk['write_problem']}", room
    limit, p99 = _WRITE_MS[node.role], disk.get("write_p99_ms", 0.0)
    if p99 > limit:
        found = f"small writes take {p99:.0f} ms (p99), etcd and pods suffer from {limit:.0f} ms on"
        fix = "boot it from an SSD or USB disk, or take a faster card (A2)"
        yield "disk", "warns", found, fix


def board(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """Power and heat."""
    del testbed, node
    bits = int(facts["throttled"] or "0", 16)
    if bits & (_POWER_NOW | _POWER_EVER):
        when = "now" if bits & _POWER_NOW else "since it was started"
        fix = "use the power supply made for this board, and a short cable"
        yield "power", "warns", f"under-voltage {when}", fix
    if bits & (_SLOWED_NOW | _SLOWED_EVER):
        when = "now" if bits & _SLOWED_NOW else "since it was started"
        fix = "cool it (fan, heat sink) and look at its power supply: measurements are worth little"
        yield "throttled", "warns", f"the firmware slowed it down {when}", fix
    heat = facts["temperature_c"]
    if heat is not None and heat >= _HOT_C:
        fix = "cool it: from 80 °C on the firmware slows it down"
        yield "heat", "warns", f"{heat:.0f} °C", fix


def network(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """Address, link, firewall, ports."""
    del testbed
    link = facts["network"]
    if link is None:
        fix = "name its own one, not that of a router in front of it"
        yield "address", "blocks", f"{node.address} is not an address of the machine", fix
    else:
        yield from _link(link, facts["model"] or "")
    if facts["firewall"]:
        commands = {"ufw": "sudo ufw disable"}
        fix = commands.get(facts["firewall"], f"sudo systemctl disable --now {facts['firewall']}")
        found = f"{facts['firewall']} is on and cuts the pod network"
        yield "firewall", "blocks", found, f"there: {fix}"
    taken = [f"{each['port']} ({each['by'] or '?'})" for each in facts["ports"]]
    if taken and not facts["in_cluster"]:
        fix = "stop what listens there: Kubernetes and flannel need them"
        yield "ports", "blocks", f"taken: {', '.join(taken)}", fix


def shared(facts: Facts, testbed: Testbed, node: Node) -> Iterator[Said]:
    """What others put where ``up`` needs to work: files of pod networks, apt's sources."""
    del testbed, node
    names = [name for name in facts["cni"] if name != _OUR_CNI]
    if facts["in_cluster"]:
        # behind ours it is not in force
        names = [name for name in names if name < _OUR_CNI]
    if names:
        files = " ".join(f"/etc/cni/net.d/{name}" for name in names)
        found = f"another pod network is set up ({files}); pods would get its addresses"
        yield "cni", "blocks", found, f"remove what put it there, or: sudo mv {files} /root/"
    if facts["apt_problem"]:
        fix = "mend the files in /etc/apt/sources.list.d until sudo apt-get update works there"
        yield "apt", "blocks", f"apt cannot read its sources: {facts['apt_problem']}", fix


def _link(link: Facts, model: str) -> Iterator[Said]:
    name, speed = link["interface"], link["speed_mbit"]
    if link["is_wifi"]:
        if link["power_save"]:
            fix = f"now: sudo iw dev {name} set power_save off; for good: wifi.powersave = 2 in "
            fix += "/etc/NetworkManager/conf.d/, or use a cable"
            yield "wifi", "warns", f"{name} saves power: round trips of 100 ms", fix
        else:
            fix = "use a cable where delays are measured"
            yield "wifi", "warns", f"{name}: its delay and loss are the air's", fix
    elif link["duplex"] == "half":
        yield "link", "warns", f"{name} is half duplex", "look at its cable and at the switch"
    elif speed is not None and speed < 1000 and any(each in model for each in _GIGABIT_MODELS):  # noqa: PLR2004
        fix = "look at its cable (all eight wires) and at the switch"
        yield "link", "warns", f"{name} runs at {speed} Mbit/s, the board can do 1000", fix


RULES = (system, kernel, size, board, network, shared)
