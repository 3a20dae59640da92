"""Which modules for emulating networks the nodes' kernels have, asked of their agents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fogbed.clients.channel import Channel
from fogbed.errors import FogbedError
from fogbed.platforms.preflight import Check

MODULES = ("sch_netem", "sch_htb", "cls_u32", "cls_flower", "ifb")
_PROBE = Path(__file__).with_name("kernel_probe.py")
_TIMEOUT_S = 20.0
_AT_ONCE = 8
_WORDS = {
    "loaded": "loaded",
    "built in": "built in",
    "there": "can be loaded",
    "missing": "not there",
    "unknown": "not loaded, and whether they can be is not to be seen from its agent",
}


def check_kernels(channels: Mapping[str, Channel]) -> Sequence[Check]:
    """Return a check for each node, which never fails: nothing emulates networks there yet."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = pool.map(_told, channels.values())
    return [
        Check("kernel", ok=True, found=f"{node}: {said}", blocks=False)
        for node, said in zip(channels, told, strict=True)
    ]


def _told(channel: Channel) -> str:
    """Return what one node's kernel has, grouped by how."""
    source = _PROBE.read_text(encoding="utf-8")
    try:
        argv = [channel.python, "-", *MODULES]
        outcome = channel.run(argv, timeout_s=_TIMEOUT_S, stdin=source)
        found = json.loads(outcome.stdout)
    except (FogbedError, ValueError):
        return "its agent does not say what it has for emulating networks"
    groups = ((words, [n for n in MODULES if found.get(n) == key]) for key, words in _WORDS.items())
    return "; ".join(f"{', '.join(names)} {words}" for words, names in groups if names)
