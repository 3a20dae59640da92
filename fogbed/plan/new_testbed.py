"""A first testbed.yml as text: what was answered, with comments for what can be said besides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    """A node to write down; ``remark``: how it was found."""

    name: str
    tier: str
    address: str = ""
    is_control_plane: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestbed:
    """What the file is to say; ``user`` and ``key`` are for platform pi."""

    name: str
    platform: Literal["local", "pi"]
    nodes: Sequence[NewNode]
    user: str = ""
    key: str = ""


_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# three dots make it text, also to YAML
_ADDRESS = re.compile(r"(\d+\.){3}\d+")
_HEADS = {
    "local": """\
# A testbed on this computer: every node is a network namespace with a real Flink process.
#   fogbed check {file}        is this file right?
#   fogbed doctor                   can this computer do it?
#   fogbed up -t {file}        start it
""",
    "pi": """\
# A testbed of machines that are reached over SSH: a kubeadm cluster.
#   fogbed check {file}        is this file right?
#   fogbed doctor -t {file}    what is missing on the nodes, with the fix for each problem
#   fogbed up -t {file}        make the cluster; run it again after whatever stopped it
""",
}
_LIMITS = """\
  # cores: 0.5 and memory: 1GiB limit a node; slots: 2 lets it run two subtasks of each operator.
"""
_PI_NODES = """\
  # tier is cloud, fog or edge: network profiles say delays between tiers. Also: slots: 2,
  # labels: {zone: brussels}, and taskmanager: false for a control plane that does nothing else.
"""
_PI_TAIL = """\
kubernetes:
  version: "1.36"             # the newest patch of it at the first up, held from then on
  # encryption: ECDSA-P256    # cheaper on a Pi than the default, RSA-2048
  # vip: 192.0.2.100          # with three control-plane nodes: an address that moves between them
# In a lab without internet every place outside has a name here; see docs/pi.md.
# sources:
#   apt:
#     kubernetes: http://mirror.lab/core:/stable:
#     docker: http://mirror.lab/linux
#   registries: {"*": "http://mirror.lab:5000"}
"""


def render_testbed(new: NewTestbed, file: str) -> str:
    """Return the text of a testbed's file that will be called ``file``."""
    return "".join(_parts(new, file))


def _parts(new: NewTestbed, file: str) -> Iterator[str]:
    yield _HEADS[new.platform].format(file=file)
    yield f"apiVersion: fogbed/v1\nkind: Testbed\nname: {_text(new.name)}\n"
    yield f"platform: {new.platform}\n"
    if new.platform == "pi":
        yield "# The user may use sudo; without a passwordless one, fogbed up takes "
        yield "--ask-become-pass.\n"
        yield f"ssh: {{user: {_text(new.user)}, key: {_text(new.key)}}}\n"
    yield "nodes:\n"
    yield _PI_NODES if new.platform == "pi" else _LIMITS
    for node in new.nodes:
        yield _node(node)
    if new.platform == "pi":
        yield _PI_TAIL


def _node(node: NewNode) -> str:
    words = [f"name: {_text(node.name)}"]
    if node.address:
        words.append(f"address: {_text(node.address)}")
    if node.is_control_plane:
        words.append("role: control-plane")
    words.append(f"tier: {_text(node.tier)}")
    remark = f"  # {node.remark}" if node.remark else ""
    return f"  - {{{', '.join(words)}}}{remark}\n"


def _text(value: str) -> str:
    """Return a word as YAML reads it back: quoted where it could be something else."""
    is_plain = value[:1].isalpha() or value[:1] in "/~"
    is_plain = is_plain and all(sign.isalnum() or sign in "-_./~" for sign in value)
    is_plain = is_plain and value != "~" and value.lower() not in _NOT_TEXT
    if is_plain or _ADDRESS.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
