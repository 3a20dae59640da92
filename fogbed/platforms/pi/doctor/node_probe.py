"""What a node is and has; it changes nothing there.

The one probe: ``fogbed doctor`` sends it over SSH to ``python3 -`` with a call of ``main`` behind
it, the role ``preflight`` as what its module ``host_probe`` imports. Python 3.9 or newer, any user.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request  # noqa: TID251 - this runs on the node, which has no requests
from collections.abc import Callable
from pathlib import Path
from typing import Any

# An ordinary user's PATH has no sbin on Debian.
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
# module -> the kernel's option for it
_MODULES = {
    "sch_netem": "CONFIG_NET_SCH_NETEM",
    "vxlan": "CONFIG_VXLAN",
    "br_netfilter": "CONFIG_BRIDGE_NETFILTER",
    "overlay": "CONFIG_OVERLAY_FS",
}
# There is no module by that name to see where the kernel has it built in, but there is this.
_SIGNS = {"br_netfilter": "/proc/sys/net/bridge/bridge-nf-call-iptables"}
# Of Kubernetes, etcd and flannel (vxlan 8472/udp; 8081 is flannel's health server).
_PORTS = (2379, 2380, 6443, 8081, 8472, 10250, 10256, 10257, 10259)
_WRITES, _BLOCK, _WRITE_LIMIT_S = 40, b"\0" * 4096, 3.0
_SOURCE_S, _SOURCES_LIMIT_S, _ANSWERED = 4.0, 7.0, (200, 401, 403)
_NO_PROGRAM = 127
_ADDRESSES = ("ip", "-o", "addr")
# where fogbed writes down what it gave to kubeadm
_KUBEADM = "/etc/kubernetes/kubeadm.yaml"


def main(request: dict[str, Any]) -> None:
    """Print all, None for what is not known; ``request``: own address, {name: URL} of sources."""
    answers = _try_all(request["sources"])
    sudo = _sudo()
    facts = {
        **look(request["address"]),
        "sudo": sudo,
        **look_as_root(() if sudo["is_root"] or sudo["code"] != 0 else ("sudo", "-n")),
        "throttled": _throttled(),
        # starts a service there that may be asleep
        "time_sync": _time_sync(),
        "apt_problem": _apt_problem(),
        "sources": answers(),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


def look(address: str, *, writes: int = _WRITES) -> dict[str, Any]:
    """Return what any user may know and costs little; ``writes``: so many tries of the disk."""
    return {
        **_system(),
        **_identity(),
        "disk": _disk(writes),
        "modules": {name: _module(name, option) for name, option in _MODULES.items()},
        "cgroup": _cgroup(),
        "swap": _swap(),
        "temperature_c": _temperature(),
        "network": _network(address),
        "addresses": re.findall(r"\binet6? ([0-9a-f.:]+)", _said(*_ADDRESSES) or ""),
        "firewall": _firewall(),
        "in_cluster": Path("/etc/kubernetes/kubelet.conf").exists(),
    }


def look_as_root(prefix: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what root alone may read, or all of it; ``prefix`` makes a program root's."""
    cluster = _said(*prefix, "grep", "-Pos", r"^clusterName:\s*\K\S+", _KUBEADM)
    return {"cluster": cluster, "ports": _ports(prefix), "cni": _cni(prefix)}


def _run(*argv: str) -> tuple[int, str, str]:
    """Return code, output and complaints of a program; 127 where there is none."""
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=15,
            env={"PATH": _PATH, "LC_ALL": "C", "LANGUAGE": ""}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return _NO_PROGRAM, "", ""
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def _said(*argv: str) -> str | None:
    # sudo complains of much that is no failure: of a host name that /etc/hosts does not have
    code, text, _ = _run(*argv)
    return text if code == 0 else None


def _text(path: str | Path) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").rstrip("\0\n ")
    except OSError:
        return None


def _release() -> dict[str, str]:
    pairs = [line.partition("=") for line in (_text("/etc/os-release") or "").splitlines()]
    return {key: value.strip("\"'") for key, _, value in pairs}


def _system() -> dict[str, Any]:
    release = _release()
    return {
        "os": release.get("ID"),
        "os_version": release.get("VERSION_ID"),
        "os_name": release.get("PRETTY_NAME"),
        "is_raspberry_pi_os": Path("/etc/rpi-issue").exists(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "arch": _said("dpkg", "--print-architecture"),
        # those that programs may use: the machine may have more
        "cpus": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "python": platform.python_version(),
        "init": _text("/proc/1/comm"),
        "container": _said("systemd-detect-virt", "-c"),
        "model": _text("/proc/device-tree/model"),
    }


def _identity() -> dict[str, Any]:
    keys = [_text(path) for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub"))]
    return {
        "hostname": platform.node(),
        "machine_id": _text("/etc/machine-id"),
        "macs": _macs(),
        "host_keys": [hashlib.sha256(k.split()[1].encode()).hexdigest()[:16] for k in keys if k],
    }


def _macs() -> list[str]:
    """Return the addresses of network interfaces that were not made by software."""
    found = [
        _text(link / "address") or ""
        for link in sorted(Path("/sys/class/net").iterdir())
        # a container's eth0 has no device, but it is not of a bridge or tunnel either
        if (link / "device").exists() or link.name.startswith("eth")
    ]
    return [mac for mac in found if mac.strip("0:")]


def _sudo() -> dict[str, Any]:
    """Return what sudo says to who has no password to give; others judge its words."""
    code, *heard = (0, "") if os.geteuid() == 0 else _run("sudo", "-n", "true")
    groups, text = (_said("id", "-Gn") or "").split(), "\n".join(heard).strip()
    return {"is_root": os.geteuid() == 0, "code": code, "heard": text, "groups": groups}


def _firewall() -> str | None:
    if re.search(r"^ENABLED=yes", _text("/etc/ufw/ufw.conf") or "", re.MULTILINE):
        return "ufw"
    return "firewalld" if _run("systemctl", "is-active", "firewalld")[0] == 0 else None


def _disk(writes: int) -> dict[str, Any]:
    usage = shutil.disk_usage("/var/lib")
    facts: dict[str, Any] = {"free": usage.free, "total": usage.total}
    flags = os.statvfs("/").f_flag | os.statvfs("/var/lib").f_flag
    facts["read_only"] = bool(flags & os.ST_RDONLY)
    device = Path("/var/lib").stat().st_dev
    places = [place for place in (Path("/var/tmp"), Path.home()) if os.access(place, os.W_OK)]  # noqa: S108
    for place in sorted(places, key=lambda place: place.stat().st_dev != device):
        try:
            return {**facts, "written_in": str(place), **_write_ms(place, writes)}
        except OSError as error:
            facts["write_problem"] = f"{place}: {error.strerror}"
    return facts


def _write_ms(place: Path, writes: int) -> dict[str, Any]:
    """Return how long small writes take to reach the disk, as etcd does them."""
    took: list[float] = []
    end = time.monotonic() + _WRITE_LIMIT_S
    with tempfile.TemporaryFile(dir=place) as file:
        while len(took) < writes and time.monotonic() < end:
            begun = time.monotonic()
            file.write(_BLOCK)
            file.flush()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - begun) * 1000)
    took.sort()
    p50, p99 = (took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99))
    return {"write_p50_ms": round(p50, 2), "write_p99_ms": round(p99, 2), "writes": len(took)}


def _module(name: str, option: str) -> str | None:
    if Path("/sys/module", name).exists():
        return "loaded"
    if name in _SIGNS and Path(_SIGNS[name]).exists():
        return "built in"
    if _run("modprobe", "-n", "-q", name)[0] == 0:
        return "available"
    config = _kernel_config()
    if f"{option}=y\n" in config:
        return "built in"
    # what the kernel could load is nothing without the file, which modprobe did not find
    return "missing" if config or Path("/lib/modules", platform.release()).exists() else None


def _kernel_config() -> str:
    try:
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except (OSError, EOFError):
        return _text(f"/boot/config-{platform.release()}") or ""


def _cgroup() -> dict[str, Any]:
    controllers = _text("/sys/fs/cgroup/cgroup.controllers")
    if controllers is not None:
        return {"version": 2, "memory": "memory" in controllers.split()}
    v1 = re.findall(r"^\S+ \S+ cgroup (\S+)", _text("/proc/mounts") or "", re.MULTILINE)
    return {"version": 1, "memory": any("memory" in options.split(",") for options in v1)}


def _swap() -> list[dict[str, Any]]:
    rows = [line.split() for line in (_text("/proc/swaps") or "").splitlines()[1:]]
    return [{"name": r[0], "bytes": int(r[2]) * 1024, "by": _swap_maker(r[0])} for r in rows]


def _swap_maker(name: str) -> str:
    if any(Path(folder, "rpi/swap.conf").exists() for folder in ("/etc", "/usr/lib")):
        return "rpi-swap"
    if "zram" in name:
        return "zram"
    if name == "/var/swap" and Path("/etc/dphys-swapfile").exists():
        return "dphys-swapfile"
    table = (_text("/etc/fstab") or "").splitlines()
    return "fstab" if any("swap" in line.split("#")[0].split() for line in table) else "other"


def _throttled() -> str | None:
    said = _said("vcgencmd", "get_throttled")
    if said and "=0x" in said:
        return said.partition("=")[2]
    bits = _text("/sys/devices/platform/soc/soc:firmware/get_throttled")
    return f"0x{bits}" if bits else None


def _temperature() -> float | None:
    zones = [_text(zone / "temp") for zone in Path("/sys/class/thermal").glob("thermal_zone*")]
    return max((int(heat) / 1000 for heat in zones if heat and heat.isdigit()), default=None)


def _network(address: str) -> dict[str, Any] | None:
    line = re.search(
        rf"^\d+: (\S+) .*inet6? {re.escape(address)}/", _said(*_ADDRESSES) or "", re.MULTILINE
    )
    if line is None:
        return None
    name = line[1]
    place = Path("/sys/class/net", name)
    speed = _text(place / "speed") or ""
    is_wifi = (place / "phy80211").exists()
    power_save = _said("iw", "dev", name, "get", "power_save") if is_wifi else None
    return {
        "interface": name,
        "mac": _text(place / "address"),
        "is_wifi": is_wifi,
        "speed_mbit": int(speed) if speed.isdigit() else None,
        "duplex": _text(place / "duplex"),
        "power_save": None if power_save is None else power_save.endswith("on"),
    }


def _time_sync() -> bool | None:
    said = _said("timedatectl", "show", "-p", "NTPSynchronized", "--value")
    return None if said is None else said == "yes"


def _ports(prefix: tuple[str, ...]) -> list[dict[str, Any]]:
    taken = {}
    for line in (_said(*prefix, "ss", "-Hltnup") or "").splitlines():
        port = re.match(r"(?:\S+ +){4}\S+:(\d+) ", line)
        if port and int(port[1]) in _PORTS:
            user = re.search(r'\(\("([^"]+)"', line)
            taken[int(port[1])] = user[1] if user else None
    return [{"port": port, "by": by} for port, by in sorted(taken.items())]


def _cni(prefix: tuple[str, ...]) -> list[str]:
    """Return the files of pod networks, in the order in which containerd takes them."""
    # containerd makes the folder for root alone
    names = (_said(*prefix, "ls", "-1", "/etc/cni/net.d") or "").splitlines()
    return sorted(name for name in names if name.endswith((".conf", ".conflist", ".json")))


def _apt_problem() -> str | None:
    """Return why apt cannot read its sources; None if it can, or there is no apt."""
    code, _, complaints = _run("apt-get", "-q", "indextargets")
    errors = [line[2:].strip() for line in complaints.splitlines() if line.startswith("E:")]
    return errors[0] if code not in (0, 127) and errors else None


def _try_all(wanted: dict[str, str]) -> Callable[[], list[dict[str, Any]]]:
    """Ask all sources, and return what collects the answers later; ``problem`` "": all is well."""
    release, end = _release(), time.monotonic() + _SOURCES_LIMIT_S
    own = {"{os}": "ubuntu" if release.get("ID") == "ubuntu" else "debian"}
    own["{codename}"] = release.get("VERSION_CODENAME", "")
    urls = {n: re.sub(r"{os}|{codename}", lambda m: own[m[0]], u) for n, u in wanted.items()}
    said = dict.fromkeys(urls, f"no answer within {_SOURCES_LIMIT_S:g} s")

    def ask(name: str) -> None:
        said[name] = _fetch_problem(urls[name])

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in urls]
    for thread in threads:
        thread.start()

    def collect() -> list[dict[str, Any]]:
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return [{"name": name, "url": urls[name], "problem": said[name]} for name in urls]

    return collect


def _fetch_problem(url: str) -> str:
    if url.startswith("/"):
        return "" if Path(url).exists() else "there is no such file"
    try:
        with urllib.request.urlopen(url, timeout=_SOURCE_S):  # noqa: S310, TID251 - as above
            return ""
    except urllib.error.HTTPError as error:
        # a registry asks who we are before it says more: it is there
        is_there = error.code in _ANSWERED and url.endswith("/v2/")
        return "" if is_there else f"answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
