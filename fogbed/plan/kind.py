"""A testbed's cluster as the kind command is asked for it: the same testbed gives the same bytes.

kind names nodes itself, so the testbed's names are mapped onto its own, in the order of the file.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from fogbed.spec.testbed import Node, Testbed

PREFIX = "fogbed.io/"
# What a node container of ours carries: a mount of /dev/null (which every engine has, also one in
# a virtual machine) at a path that names the owner. kind takes no labels for its containers.
MARK = "/etc/fogbed/owner-"
_PREFIX = "fogbed-"
# A container's host name has 63 letters at most, and the longest of ours ends with -control-plane.
_LONGEST = 63 - len(_PREFIX) - len("-control-plane")
_HASH = 8  # letters of a digest
_CERTS = "/etc/containerd/certs.d"
_SERVERS = {"docker.io": "https://registry-1.docker.io"}
# Node images before kind 0.27 need to be told; with later ones it changes nothing.
_CONFIG_PATH = f"""\
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{_CERTS}"
"""
_HEADER = """\
# Rendered by fogbed from testbed {name}. Change the testbed's file, not this one.
"""


def cluster_name(testbed: Testbed) -> str:
    """Return what kind calls the testbed's cluster; a name that is too long is shortened."""
    name = testbed.name
    if len(name) <= _LONGEST:
        return f"{_PREFIX}{name}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{_PREFIX}{name[: _LONGEST - _HASH - 1].rstrip('-')}-{digest}"


def host_names(testbed: Testbed) -> dict[str, str]:
    """Return kind's name of each node, in the order of the file: it numbers them by role."""
    counts: Counter[str] = Counter()
    names = {}
    for node in testbed.nodes:
        counts[node.role] += 1
        number = counts[node.role] if counts[node.role] > 1 else ""
        names[node.name] = f"{cluster_name(testbed)}-{node.role}{number}"
    return names


def node_labels(node: Node) -> dict[str, str]:
    """Return the labels that the Kubernetes node carries for the testbed's."""
    own = {f"{PREFIX}{key}": value for key, value in sorted(node.labels.items())}
    return {f"{PREFIX}tier": node.tier} | own | {f"{PREFIX}name": node.name}


def is_tainted(node: Node) -> bool:
    """Whether a node is kept for the control plane: as on Pis, one without a TaskManager."""
    return node.role == "control-plane" and not node.taskmanager


def plan_kind(testbed: Testbed, *, image: str | None, owner: str) -> dict[str, Any]:
    """Return the configuration for ``kind create cluster``.

    ``image``: the node image, None for kind's own. ``owner``: the mark of the testbed's folder.
    """
    kubernetes = testbed.kubernetes
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": cluster_name(testbed),
        "networking": {
            # nobody outside of this computer reaches the API server
            "apiServerAddress": "127.0.0.1",
            "podSubnet": kubernetes.pod_cidr,
            "serviceSubnet": kubernetes.service_cidr,
        },
        "nodes": [_node(node, image, owner) for node in testbed.nodes],
    }
    patches = [*_own_patches(testbed), *kubernetes.patches]
    if patches:
        config["kubeadmConfigPatches"] = patches
    if testbed.sources.registries:
        config["containerdConfigPatches"] = [_CONFIG_PATH]
    return config


def render_kind(testbed: Testbed, *, image: str | None, owner: str) -> str:
    """Return ``plan_kind`` as YAML."""
    text = io.StringIO()
    yaml = YAML()
    yaml.width = sys.maxsize
    yaml.dump(_blocks(plan_kind(testbed, image=image, owner=owner)), text)
    return _HEADER.format(name=testbed.name) + text.getvalue()


def registry_files(testbed: Testbed) -> dict[str, str]:
    """Return path and text of every file that points a node's containerd to a mirror."""
    return {
        f"{_CERTS}/{'_default' if name == '*' else name}/hosts.toml": _hosts_toml(name, mirror)
        for name, mirror in sorted(testbed.sources.registries.items())
    }


def what_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what kind would have to make a cluster anew for, in words; () if nothing.

    ``before`` and ``after``: of ``plan_kind``. Labels, tiers and mirrors of registries can change
    in a cluster that is there.
    """
    found = []
    if [_place(n) for n in before["nodes"]] != [_place(n) for n in after["nodes"]]:
        found.append("its nodes, or their roles or order")
    if before["nodes"][0].get("image") != after["nodes"][0].get("image"):
        found.append("kubernetes.image")
    if before["networking"] != after["networking"]:
        found.append("kubernetes.pod_cidr or service_cidr")
    if before.get("kubeadmConfigPatches") != after.get("kubeadmConfigPatches"):
        found.append("kubernetes.patches, kubelet or kube_proxy")
    return tuple(found)


def _place(node: Mapping[str, Any]) -> tuple[str, str]:
    return node["labels"][f"{PREFIX}name"], node["role"]


def _node(node: Node, image: str | None, owner: str) -> dict[str, Any]:
    mark = {"hostPath": "/dev/null", "containerPath": f"{MARK}{owner}", "readOnly": True}
    return {
        "role": node.role,
        **({"image": image} if image else {}),
        "labels": node_labels(node),
        "extraMounts": [mark],
    }


def _own_patches(testbed: Testbed) -> list[str]:
    """Return the keys of ``kubelet`` and ``kube_proxy`` as kind takes them."""
    kubernetes = testbed.kubernetes
    kinds = {
        "KubeletConfiguration": kubernetes.kubelet,
        "KubeProxyConfiguration": kubernetes.kube_proxy,
    }
    return [_dumped({"kind": kind, **keys}) for kind, keys in kinds.items() if keys]


def _dumped(value: Mapping[str, Any]) -> str:
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(dict(value), text)
    return text.getvalue()


def _blocks(value: Any) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Return a value whose texts of several lines are written as such."""
    if isinstance(value, dict):
        return {key: _blocks(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_blocks(each) for each in value]
    return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value


def _hosts_toml(name: str, mirror: str) -> str:
    server = "" if name == "*" else f'server = "{_SERVERS.get(name, f"https://{name}")}"\n\n'
    host = (mirror if "://" in mirror else f"https://{mirror}").rstrip("/")
    return (
        "# Written by fogbed: a change made here is lost.\n"
        f'{server}[host."{host}"]\n  capabilities = ["pull", "resolve"]\n'
    )
