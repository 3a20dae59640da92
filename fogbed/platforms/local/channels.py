"""How a program is run on a node of this computer: in its network namespace, on its CPUs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from fogbed.clients.channel import Channel
from fogbed.errors import PlatformError


def channel_into(node: str, testbed: str, said: Mapping[str, Any]) -> Channel:
    """Return the way to ``node`` by what the testbed's keeper said of itself.

    Raises:
        PlatformError: the testbed has no such node.
    """
    if node not in said["namespaces"]:
        names = ", ".join(said["namespaces"])
        raise PlatformError(f"testbed {testbed} has no node {node}; it has {names}")
    keeper = f"/proc/{said['pid']}"
    prefix = ["nsenter", f"--net={keeper}/fd/{said['namespaces'][node]}"]
    if os.geteuid() != 0:
        prefix[1:1] = ["--preserve-credentials", f"--user={keeper}/ns/user"]
    return Channel(node, (*prefix, "--"), python=sys.executable)
