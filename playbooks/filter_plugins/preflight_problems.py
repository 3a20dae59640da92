"""What speaks against a host: facts in, sentences out, each with the way on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("24.04", "26.04")}
SUPPORTED = (
    "64-bit Raspberry Pi OS bookworm or trixie, Debian 12 or 13, Ubuntu Server 24.04 or 26.04"
)
CLONED = (
    "On one of them: `sudo truncate -s0 /etc/machine-id && sudo rm -f /var/lib/dbus/machine-id && "
    "sudo systemd-machine-id-setup && sudo reboot`; its SSH keys are copies too: `sudo rm "
    "/etc/ssh/ssh_host_* && sudo dpkg-reconfigure openssh-server`"
)
OLDEST_PYTHON = (3, 9)
CNI_FOLDER, OUR_CNI = "/etc/cni/net.d", "10-flannel.conflist"

Host = Mapping[str, Any]


def _system(host: Host, _: Host) -> Iterator[tuple[str, str]]:
    name, version = host["os"]["id"], host["os"]["version_id"]
    if name == "raspbian" or host["architecture"] in ("armhf", "armel", "i386"):
        yield (
            "architecture",
            (
                f"the system is 32-bit ({host['architecture']}), even if its kernel is not, and "
                "Kubernetes "
                "has no 32-bit packages. Write a 64-bit image to its card"
            ),
        )
    elif host["architecture"] not in ("arm64", "amd64"):
        yield (
            "architecture",
            (
                f"{host['architecture'] or 'a system without dpkg'} is not supported. Use arm64 or "
                "amd64"
            ),
        )
    if name != "raspbian" and version not in SYSTEMS.get(name, ()):
        there = host["os"]["pretty_name"] or name or "an unknown system"
        yield "system", f"{there} is not supported. Use {SUPPORTED}"
    if host["init"] != "systemd":
        yield (
            "init",
            f"its first process is {host['init'] or 'unknown'}, not systemd. Boot with systemd",
        )
    if tuple(host["python"]) < OLDEST_PYTHON:
        version = ".".join(map(str, host["python"]))
        yield "python", f"its Python is {version}, and 3.9 is needed. Use {SUPPORTED}"


def _kernel(host: Host, want: Host) -> Iterator[tuple[str, str]]:
    running = tuple(int(n) for n in re.findall(r"\d+", host["kernel"])[:2])
    oldest = tuple(int(n) for n in str(want["kernel"]).split("."))
    if running < oldest:
        yield (
            "kernel",
            (
                f"its kernel is {host['kernel']}, and {want['kernel']} is needed. Run `sudo apt "
                "full-upgrade` and reboot"
            ),
        )
    if not host["cgroup_v2"] and want["fail_cgroup_v1"]:
        yield (
            "cgroup",
            (
                "it runs cgroup v1, on which kubelet does not start. Remove "
                "`systemd.unified_cgroup_hierarchy=0` from the kernel's command line and reboot, "
                "or set "
                "`failCgroupV1: false` for kubelet"
            ),
        )


def _size(host: Host, want: Host) -> Iterator[tuple[str, str]]:
    role = "control plane" if want["control_plane"] else "worker"
    if host["memory_mb"] < want["memory_mb"]:
        yield (
            "memory",
            (
                f"it has {host['memory_mb']} MB of memory, and a {role} needs {want['memory_mb']}. "
                "Give "
                "this role to a bigger node"
            ),
        )
    if want["control_plane"] and host["cpus"] < want["cpus"]:
        yield "cpus", f"it has {host['cpus']} CPU, and a control plane needs {want['cpus']}"
    free = want["disk_mb_again"] if host["installed"] else want["disk_mb"]
    if host["root_read_only"] or host["disk"]["read_only"]:
        yield (
            "disk",
            (
                "its disk is read-only. Look for errors of the card (`dmesg | grep -i "
                "'ext4\\|mmc'`), turn "
                "the overlay file system off in raspi-config, and reboot"
            ),
        )
    elif host["disk"]["free_mb"] < free:
        yield (
            "disk",
            (
                f"its disk has {host['disk']['free_mb']} MB free under /var/lib, and {free} are "
                "needed. Make "
                "room (`sudo apt clean`, `sudo journalctl --vacuum-size=50M`) or use a bigger card"
            ),
        )


def _clock(host: Host, want: Host) -> Iterator[tuple[str, str]]:
    off = max(want["now_before"] - host["time"], host["time"] - want["now_after"], 0.0)
    if off > want["clock_seconds"]:
        side = "behind" if host["time"] < want["now_before"] else "ahead of"
        yield (
            "clock",
            (
                f"its clock is {_span(off)} {side} this computer's, and certificates would not be "
                "valid. Let it reach a time server (`timedatectl`), or set it once: "
                f"`sudo date -s {time.strftime('%FT%TZ', time.gmtime(want['now_after']))}`"
            ),
        )


def _span(seconds: float) -> str:
    """A span of time in its largest unit."""
    units = ((86400 * 365, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next(pair for pair in units if seconds >= pair[0] or pair[0] == 1)
    count = round(seconds / size)
    return f"{count} {unit}{'s' * (count != 1)}"


def _network(host: Host, want: Host) -> Iterator[tuple[str, str]]:
    if host["firewall"]:
        turn_off = {
            "ufw": "sudo ufw disable",
            "firewalld": "sudo systemctl disable --now firewalld",
        }
        yield (
            "firewall",
            (
                f"{host['firewall']} is on and would cut the pod network. Turn it off: "
                f"`{turn_off[host['firewall']]}`"
            ),
        )
    if want["node_ip"] not in host["addresses"]:
        have = ", ".join(a for a in host["addresses"] if not a.startswith(("127.", "::1", "fe80")))
        yield (
            "address",
            (
                f"the address {want['node_ip']} of the testbed is not one of its own ({have}). "
                "Give the right "
                "one (`fogbed_node_ip`)"
            ),
        )


def _twins(host: Host, want: Host, others: Mapping[str, Host]) -> Iterator[tuple[str, str]]:
    for name, other in sorted(others.items()):
        macs = set(host["macs"]) & set(other["macs"])
        if want["node_ip"] == other["node_ip"]:
            yield "twin", f"{name} has the same address, {want['node_ip']}. Give each node its own"
        elif host["machine_id"] and host["machine_id"] == other["machine_id"]:
            yield (
                "twin",
                f"{name} has the same machine-id: one card is a copy of the other. {CLONED}",
            )
        elif macs:
            yield (
                "twin",
                (
                    f"{name} has the same MAC address {min(macs)}. Remove what sets it, or let "
                    "each "
                    "virtual machine have its own"
                ),
            )
        if want["name"] == other["name"]:
            yield "name", f"{name} has the same name, {want['name']}. Give each node its own"


def _cluster(want: Host) -> Iterator[tuple[str, str]]:
    if want["cluster"] not in ("", want["testbed"]):
        yield (
            "cluster",
            (
                f"it carries the cluster of testbed {want['cluster']}, and this is testbed "
                f"{want['testbed']}. Take that one down first (`fogbed down`), or use its name"
            ),
        )


def _cni(host: Host, want: Host) -> Iterator[tuple[str, str]]:
    # containerd takes the first file by name. One behind ours is in force until flannel's is
    # written, and pods that start meanwhile keep its addresses.
    named = sorted(name for name in want["cni"] if name.endswith((".conf", ".conflist", ".json")))
    others = [name for name in named if name != OUR_CNI]
    if host["installed"]:
        others = [name for name in others if name < OUR_CNI]
    if others:
        files = " ".join(f"{CNI_FOLDER}/{name}" for name in others)
        yield (
            "cni",
            (
                f"another pod network is set up there ({files}), and pods would get its addresses. "
                f"Remove what put it there, or put it aside: `sudo mv {files} /root/`"
            ),
        )


def _name(want: Host) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(want["name"]):
        yield (
            "name",
            (
                f"{want['name']!r} cannot be the name of a node. Use lower-case letters, digits "
                "and -, as "
                "in pico-0"
            ),
        )


def preflight_problems(
    host: Host, want: Mapping[str, Any], others: Mapping[str, Host], ignored: list[str]
) -> list[str]:
    """Everything that speaks against a host, save the checks that are ignored.

    Args:
        host: What the module host_check read.
        want: What is asked of this host.
        others: By name, what was read of the other hosts, with their node_ip and name.
        ignored: Names of checks.
    """
    found = [*_name(want), *_system(host, want), *_kernel(host, want), *_size(host, want)]
    found += [*_clock(host, want), *_network(host, want), *_twins(host, want, others)]
    found += [*_cluster(want), *_cni(host, want)]
    return [f"{problem}." for check, problem in found if check not in ignored]


def _unreachable(message: str, user: str) -> str:
    """Why SSH does not reach a host, and what to do."""
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in message:
        return (
            "it has another SSH host key than before. If its card was written anew, forget the old "
            "key "
            "(`ssh-keygen -R ADDRESS`); if not, find out who answers there."
        )
    if "Host key verification failed" in message:
        return "its SSH host key is not known yet. Log in once (`ssh`) and compare the key."
    if "Permission denied" in message:
        return (
            f"SSH lets {user or 'us'} not in: {message} Is this its user, and is the key there "
            "(`ssh-copy-id`)?"
        )
    return f"it cannot be reached over SSH: {message}. Is it switched on, and its address right?"


def preflight_access(result: Mapping[str, Any], user: str) -> str:
    """Why a host could not be asked, from what Ansible says; empty if it could."""
    message = str(result.get("msg") or result.get("module_stderr") or "").strip()
    if result.get("unreachable"):
        return _unreachable(message.rpartition("to the host via ssh: ")[2], user)
    if not result.get("failed"):
        return ""
    parts = (message, result.get("module_stderr", ""), result.get("module_stdout", ""))
    words = "\n".join(map(str, parts))
    return _sudo(words, user) or message or "it cannot be asked."


def _sudo(words: str, user: str) -> str:
    """Why sudo fails, or what else a host lacks before it can be asked; empty if unknown."""
    if re.search(r"Incorrect sudo password|Sorry, try again", words):
        return "the sudo password is wrong. Give the right one (`--ask-become-pass`)."
    missing = r"[Mm]issing sudo password|password is required|authentication is required"
    if re.search(rf"{missing}|escalation prompt", words):
        return (
            "sudo asks for a password (Raspberry Pi OS does since April 2026). Give it with "
            f"`--ask-become-pass`, or allow sudo without: `echo '{user} ALL=(ALL) NOPASSWD: ALL' | "
            "sudo tee /etc/sudoers.d/010_fogbed`."
        )
    refused = r"not in the sudoers|not allowed to (run|execute)|may not run|I can't do that"
    if re.search(rf"{refused}|sudo: .*not found", words):
        return f"{user or 'the user'} may not use sudo. Add it: `usermod -aG sudo {user}`, as root."
    if re.search(r"python3?\S*: (No such file|not found)|interpreter", words):
        return "it has no Python 3: `sudo apt install python3`."
    # in whatever language: its name before its words is the same in all of them
    said = re.search(r"^sudo: (.+)", words, re.MULTILINE)
    return f"sudo refuses {user or 'the user'}: {said[1]}. Try it there by hand." if said else ""


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"preflight_access": preflight_access, "preflight_problems": preflight_problems}
