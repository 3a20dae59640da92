"""A first testbed.yml as text: what was answered, with comments for what can be said besides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fogbed.spec.abilities import PlatformName


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
    """What the file is to say; ``user`` and ``key`` are for pi, ``context`` for kubernetes."""

    name: str
    platform: PlatformName
    nodes: Sequence[NewNode]
    user: str = ""
    key: str = ""
    context: str = ""


_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# three dots make it text, also to YAML
_ADDRESS = re.compile(r"(\d+\.){3}\d+")
_HEADS: Mapping[PlatformName, str] = {
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
    "kind": """\
# A testbed of containers on this computer: a Kubernetes cluster that kind makes and deletes.
#   fogbed check {file}        is this file right?
#   fogbed doctor -t {file}    are kind, and Docker or podman, on this computer?
#   fogbed up -t {file}        make the cluster, and Flink and MinIO on it
""",
    "kubernetes": """\
# A testbed in a Kubernetes cluster that is there already: on its nodes nothing is installed.
#   fogbed check {file}        is this file right?
#   fogbed doctor -t {file}    is the cluster reached, and has it what is needed?
#   fogbed up -t {file}        put Flink and MinIO on it
""",
}
_NODES: Mapping[PlatformName, str] = {
    "local": """\
  # cores: 0.5 and memory: 1GiB limit a node; slots: 2 lets it run two subtasks of each operator.
""",
    "pi": """\
  # tier is cloud, fog or edge: network profiles say delays between tiers. Also: slots: 2,
  # labels: {zone: brussels}, and taskmanager: false for a control plane that does nothing else.
""",
    "kind": """\
  # Each is a container. tier is cloud, fog or edge: network profiles say delays between tiers.
  # Also: slots: 2, labels: {zone: brussels}, cores: 0.5 and memory: 1GiB for its TaskManager, and
  # taskmanager: false for a control plane that does nothing else.
""",
    "kubernetes": """\
  # Nodes of that cluster, by name (kubectl get nodes), host name or address. tier is cloud, fog or
  # edge: network profiles say delays between tiers. Also: slots: 2, labels: {zone: brussels},
  # cores: 0.5 and memory: 1GiB for its TaskManager, and taskmanager: false for a node without one.
""",
}
_TAILS: Mapping[PlatformName, str] = {
    "local": "",
    "pi": """\
kubernetes:
  version: "1.36"             # the newest patch of it at the first up, held from then on
  # encryption: ECDSA-P256    # cheaper on a Pi than the default, RSA-2048
  # vip: 192.0.2.100          # with three control-plane nodes: an address that moves between them
# services:
#   prometheus: {enabled: true}  # figures over time, and alerts
#   grafana: {enabled: true}     # and dashboards of them
# In a lab without internet every place outside has a name here; see docs/pi.md.
# sources:
#   apt:
#     kubernetes: http://mirror.lab/core:/stable:
#     docker: http://mirror.lab/linux
#   registries: {"*": "http://mirror.lab:5000"}
""",
    "kind": """\
# What else can be said is in docs/kind.md and docs/kubernetes.md:
# kubernetes:
#   image: kindest/node:v1.36.1    # another Kubernetes: kind's releases list the images
#   pod_cidr: 10.244.0.0/16        # where your network has these addresses already
# services:
#   prometheus: {enabled: true}    # figures over time, and alerts
#   grafana: {enabled: true}       # and dashboards of them
# sources:
#   registries: {docker.io: "mirror.lab:5000"}    # where nodes fetch images from
""",
    "kubernetes": """\
# What else can be said is in docs/kubernetes.md:
# services:
#   flink: {high_availability: true}             # jobs survive the JobManager's node
#   minio: {storage_class: fast, size: 20g}      # else a volume of the cluster's default class
#   prometheus: {enabled: true}                  # figures over time, and alerts
#   grafana: {enabled: true}                     # and dashboards of them
# sources:
#   registries: {docker.io: "mirror.lab:5000"}   # names of images lead there instead
""",
}


def render_testbed(new: NewTestbed, file: str) -> str:
    """Return the text of a testbed's file that will be called ``file``."""
    return "".join(_parts(new, file))


def _parts(new: NewTestbed, file: str) -> Iterator[str]:
    yield _HEADS[new.platform].format(file=file)
    yield f"apiVersion: fogbed/v1\nkind: Testbed\nname: {_text(new.name)}\n"
    yield f"platform: {new.platform}\n"
    if new.user:
        yield "# The user may use sudo; without a passwordless one, fogbed up takes "
        yield "--ask-become-pass.\n"
        yield f"ssh: {{user: {_text(new.user)}, key: {_text(new.key)}}}\n"
    if new.context:
        yield f"context: {_text(new.context)}  # of your kubeconfig; without it the current one\n"
    yield "nodes:\n"
    yield _NODES[new.platform]
    for node in new.nodes:
        yield _node(node)
    yield _TAILS[new.platform]


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
