"""What is wrong with one node by its own facts: (name, level, found, what to do).

The one table of limits, and the rules that go by it. The playbooks have this file too, by a link:
what blocks here is what the role ``preflight`` refuses. A fact that nobody asked for breaks no
rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .facts import Level, Wanted

Row = tuple[str, Level, str, str]
Facts = Mapping[str, Any]

_MB = 2**20
# kubeadm asks the control plane for 1700 MB and two CPUs itself; a worker with less than 850 MB has
# no room for pods beside kubelet, containerd and flannel.
_MEMORY_MB = {"control-plane": 1700, "worker": 850}
_CPUS = 2
# Free under /var/lib before the first installation, and on a node that is installed.
_DISK_MB, _DISK_AGAIN_MB = 3000, 500
# kubelet evicts pods when the disk of images has less than this left
_DISK_LEFT = 0.15
# Of one small write, p99: etcd's heartbeat is 250 ms here, and it writes before it answers.
_WRITE_MS = {"control-plane": 100.0, "worker": 1000.0}
_ENOUGH_WRITES = 10  # fewer have no p99
# The oldest kernel that kubelet takes; the oldest Python that Ansible's modules take.
_OLDEST_KERNEL, _OLDEST_PYTHON = (5, 4), (3, 9)
_SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("24.04", "26.04")}
_SUPPORTED = "64-bit Raspberry Pi OS bookworm or trixie, Debian 12 or 13, Ubuntu 24.04 or 26.04"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_HOT_C = 80.0
# addresses that every machine has
_EVERYWHERE = ("127.", "::1", "fe80")
_OUR_CNI = "10-flannel.conflist"
# What an `up` that was cut off may have left running, and the next one takes up again.
_KUBEADMS_OWN = frozenset(
    {
        "etcd",
        "flanneld",
        "kube-apiserver",
        "kube-controller",  # as the kernel knows it: 15 letters
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
    }
)
_GIGABIT_MODELS = ("Raspberry Pi 4", "Raspberry Pi 5", "Compute Module 4", "Compute Module 5")
# Bits of get_throttled: https://www.raspberrypi.com/documentation/computers/os.html#vcgencmd
_POWER_NOW, _POWER_EVER = 1 << 0, 1 << 16
_SLOWED_NOW, _SLOWED_EVER = 0b1110, 0b1110 << 16


def system(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Name, operating system, architecture."""
    if not _NAME.fullmatch(wanted.name):
        fix = "use lower-case letters, digits and -, as in pico-0"
        yield "name", "blocks", f"{wanted.name!r} cannot be the name of a node", fix
    arch = facts["arch"]
    if facts["os"] == "raspbian" or arch in ("armhf", "armel", "i386"):
        found = f"32-bit ({arch}) under a kernel that says {facts['machine']}"
        yield "arch", "blocks", found, "write a 64-bit image to its card"
    elif arch not in ("arm64", "amd64"):
        yield "arch", "blocks", f"{arch or 'no dpkg'} is not supported", "use arm64 or amd64"
    if facts["os"] != "raspbian" and facts["os_version"] not in _SYSTEMS.get(facts["os"], ()):
        there = facts["os_name"] or facts["os"] or "an unknown system"
        yield "os", "blocks", f"{there} is not supported", f"use {_SUPPORTED}"


def programs(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """What every other program stands on: kernel, first process, Python."""
    del wanted
    if _numbers(facts["kernel"]) < _OLDEST_KERNEL:
        fix = "sudo apt full-upgrade there, then reboot it"
        yield "kernel", "blocks", f"{facts['kernel']} is older than 5.4", fix
    if facts["init"] != "systemd":
        found = f"its first process is {facts['init'] or 'unknown'}, not systemd"
        yield "init", "blocks", found, "boot it with systemd"
    if _numbers(facts["python"]) < _OLDEST_PYTHON:
        yield "python", "blocks", f"{facts['python']} is older than 3.9", f"use {_SUPPORTED}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def sudo(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Whether the user may become root, as far as is known without a password."""
    right, add = facts.get("sudo"), f"usermod -aG sudo {wanted.user}"
    if right == "password":
        fix = "give --ask-become-pass to fogbed up, or allow it: sudo raspi-config, System Options"
        yield "sudo", "warns", "asks for a password", fix
    elif right == "outsider":
        found = f"asks for a password, and {wanted.user} is in no group that may use it"
        fix = f"if up says that it is not in the sudoers file, as root there: {add}; "
        yield "sudo", "warns", found, f"{fix}else give --ask-become-pass to fogbed up"
    elif right == "none":
        yield "sudo", "blocks", f"{wanted.user} may not use it", f"as root there: {add}"
    elif right == "missing":
        yield "sudo", "blocks", "there is none", f"as root there: apt install sudo; {add}"


def kernel(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Kernel modules, control groups, swap."""
    missing = {name for name, state in facts["modules"].items() if state == "missing"}
    extra = "sudo apt install linux-modules-extra-raspi there (Ubuntu), or another kernel"
    is_mended = facts["os"] == "ubuntu" and facts["kernel"].endswith("-raspi")
    for name in sorted(missing & {"vxlan", "br_netfilter", "overlay"}):
        found = f"its kernel has no {name}, which pods need"
        if is_mended:
            fix = "nothing: fogbed up installs the kernel's other modules"
            yield "modules", "mended", found, fix
        else:
            yield "modules", "blocks", found, extra
    if "sch_netem" in missing:
        found = "its kernel has no sch_netem: links are shaped in user space, which costs processor"
        yield "modules", "warns", found, extra
    cgroup = facts["cgroup"]
    if cgroup["version"] == 1 and not wanted.takes_cgroup_v1:
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


def size(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Memory, processors, disk."""
    needed, has = _MEMORY_MB[wanted.role], facts["memory"] // _MB
    if has < needed:
        level: Level = "warns" if wanted.accepts("Mem") else "blocks"
        fix = "give this role to a bigger machine"
        yield "memory", level, f"{has} MB; a {wanted.role} node needs {needed}", fix
    if wanted.role == "control-plane" and facts["cpus"] < _CPUS:
        level = "warns" if wanted.accepts("NumCPU") else "blocks"
        fix = "give this role to a bigger machine"
        yield "cpus", level, f"{facts['cpus']}; a control-plane node needs {_CPUS}", fix
    yield from _disk(facts["disk"], wanted, is_again=facts["in_cluster"])


def _disk(disk: Facts, wanted: Wanted, *, is_again: bool) -> Iterator[Row]:
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
    limit, p99 = _WRITE_MS[wanted.role], disk.get("write_p99_ms", 0.0)
    if p99 > limit and disk.get("writes", 0) >= _ENOUGH_WRITES:
        found = f"small writes take {p99:.0f} ms (p99), etcd and pods suffer from {limit:.0f} ms on"
        fix = "boot it from an SSD or USB disk, or take a faster card (A2)"
        yield "disk", "warns", found, fix


def board(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Power and heat."""
    del wanted
    bits = int(facts.get("throttled") or "0", 16)
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


def network(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """Address, link, firewall."""
    link = facts["network"]
    if link is None:
        own = [each for each in facts["addresses"] if not each.startswith(_EVERYWHERE)]
        found = f"{wanted.address} is not an address of the machine ({', '.join(own) or 'none'})"
        yield "address", "blocks", found, "name its own one, not that of a router in front of it"
    else:
        yield from _link(link, facts["model"] or "")
    if facts["firewall"]:
        commands = {"ufw": "sudo ufw disable"}
        fix = commands.get(facts["firewall"], f"sudo systemctl disable --now {facts['firewall']}")
        found = f"{facts['firewall']} is on and cuts the pod network"
        yield "firewall", "blocks", found, f"there: {fix}"


def claimed(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """What is somebody else's: the cluster that it carries, ports that Kubernetes needs."""
    if (facts.get("cluster") or wanted.testbed) != wanted.testbed:
        found = f"it carries the cluster of testbed {facts['cluster']}, not of {wanted.testbed}"
        fix = "take that one down first (fogbed down), or use its name"
        yield "cluster", "blocks", found, fix
    taken = [each for each in facts.get("ports", ()) if each["by"] not in _KUBEADMS_OWN]
    if taken and not facts["in_cluster"]:
        level: Level = "blocks"
        if wanted.accepts(*(f"Port-{each['port']}" for each in taken)):
            level = "warns"
        fix = "stop what listens there: Kubernetes and flannel need them"
        ports = ", ".join(f"{each['port']} ({each['by'] or '?'})" for each in taken)
        yield "ports", level, f"taken: {ports}", fix


def shared(facts: Facts, wanted: Wanted) -> Iterator[Row]:
    """What others put where ``up`` needs to work: files of pod networks, apt's sources."""
    del wanted
    # containerd takes the first file by name. One behind ours is in force until flannel's is
    # written, and pods that start meanwhile keep its addresses.
    names = [name for name in facts.get("cni", ()) if name != _OUR_CNI]
    if facts["in_cluster"]:
        names = [name for name in names if name < _OUR_CNI]
    if names:
        files = " ".join(f"/etc/cni/net.d/{name}" for name in names)
        found = f"another pod network is set up ({files}); pods would get its addresses"
        yield "cni", "blocks", found, f"remove what put it there, or: sudo mv {files} /root/"
    if facts.get("apt_problem"):
        fix = "mend the files in /etc/apt/sources.list.d until sudo apt-get update works there"
        yield "apt", "blocks", f"apt cannot read its sources: {facts['apt_problem']}", fix


def _link(link: Facts, model: str) -> Iterator[Row]:
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


RULES = (system, programs, sudo, kernel, size, board, network, claimed, shared)
