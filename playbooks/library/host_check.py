#!/usr/bin/python
"""What preflight judges a host by, read in one step and without root.

Nothing here comes from a cache: a card may have been changed since yesterday.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_check
short_description: Read what preflight judges a host by
author: [fogbed]
"""

RETURN = r"""
host: {description: What was read, type: dict, returned: always}
"""

_PAIR = re.compile(r"^(\w+)[=:]\s*\"?([^\"\n]*)", re.MULTILINE)


def text(path: str) -> str:
    """Return a file's text, empty if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def release() -> dict[str, str]:
    """Return what os-release says."""
    pairs = dict(_PAIR.findall(text("/etc/os-release")))
    return {key: pairs.get(key.upper(), "") for key in ("id", "version_id", "pretty_name")}


def macs() -> list[str]:
    """Return the addresses of network interfaces that were not made by software."""
    found = [
        text(str(link / "address")).strip()
        for link in sorted(Path("/sys/class/net").iterdir())
        # A container's eth0 has no device, but it is not of a bridge or tunnel either.
        if (link / "device").exists() or link.name.startswith("eth")
    ]
    return [mac for mac in found if mac.strip("0:")]


def addresses(module: AnsibleModule) -> list[str]:
    """Return the host's IP addresses."""
    out = module.run_command(["ip", "-o", "addr", "show"])[1]
    return re.findall(r"\binet6? ([0-9a-f.:]+)", out)


def firewall(module: AnsibleModule) -> str:
    """Return the firewall that is on. ufw's unit is active on Ubuntu even where ufw is off."""
    if module.run_command(["systemctl", "is-active", "firewalld.service"])[0] == 0:
        return "firewalld"
    return "ufw" if re.search(r"^ENABLED=yes", text("/etc/ufw/ufw.conf"), re.MULTILINE) else ""


def disk(path: str) -> dict[str, object]:
    """Return how full a file system is, and whether it can be written to."""
    there = os.statvfs(path)
    return {
        "free_mb": there.f_bavail * there.f_frsize // 2**20,
        "read_only": bool(there.f_flag & os.ST_RDONLY),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    memory = dict(_PAIR.findall(text("/proc/meminfo")))
    host = {
        "os": release(),
        "architecture": module.run_command(["dpkg", "--print-architecture"])[1].strip(),
        "kernel": os.uname().release,
        "python": list(sys.version_info[:3]),
        "init": text("/proc/1/comm").strip(),
        "memory_mb": int(memory.get("MemTotal", "0 kB").split()[0]) // 1024,
        "cpus": len(os.sched_getaffinity(0)),
        "machine_id": text("/etc/machine-id").strip(),
        "macs": macs(),
        "addresses": addresses(module),
        "firewall": firewall(module),
        "disk": disk("/var/lib"),
        "root_read_only": disk("/")["read_only"],
        "installed": Path("/etc/kubernetes/kubelet.conf").exists(),
        "cgroup_v2": Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        "time": time.time(),
    }
    module.exit_json(changed=False, host=host)


if __name__ == "__main__":
    main()
