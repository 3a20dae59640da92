"""What kubeadm prints, and what became of a configuration since the cluster was started."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

# kubeadm cannot change these in a running cluster.
FIXED = (
    "networking.podSubnet",
    "networking.serviceSubnet",
    "networking.dnsDomain",
    "controlPlaneEndpoint",
)


def join_values(command: str) -> dict[str, str]:
    """Endpoint, token and CA hash in what `kubeadm token create --print-join-command` prints."""
    found = re.search(
        r"kubeadm join (?P<endpoint>\S+) --token (?P<token>\S+) "
        r"--discovery-token-ca-cert-hash (?P<hash>sha256:[0-9a-f]{64})",
        command,
    )
    if found is None:
        raise ValueError("kubeadm token create printed no join command")
    return found.groupdict()


def certificate_key(output: str) -> str:
    """The key in what `kubeadm init phase upload-certs --upload-certs` prints."""
    found = re.search(r"^([0-9a-f]{64})$", output, re.MULTILINE)
    if found is None:
        raise ValueError("kubeadm init phase upload-certs printed no key")
    return found.group(1)


def flatten(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Path and value of every leaf."""
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from flatten(value[key], f"{path}.{key}" if path else key)
    else:
        yield path, value


def drift(applied: str, wanted: dict[str, Any]) -> dict[str, list[str]]:
    """Settings of ClusterConfiguration that differ from the applied ones: fixed and others.

    Where it is not known what was applied, nothing differs.
    """
    if not applied:
        return {"fixed": [], "other": []}
    before = dict(flatten(yaml.safe_load(applied) or {}))
    after = dict(flatten(wanted))
    paths = sorted(before.keys() | after.keys())
    changed = [path for path in paths if before.get(path) != after.get(path)]
    told = {path: f"{path}: {before.get(path)} -> {after.get(path)}" for path in changed}
    return {
        "fixed": [told[path] for path in changed if path in FIXED],
        "other": [
            told[path] for path in changed if path not in FIXED and path != "kubernetesVersion"
        ],
    }


def name_values(arguments: dict[str, object]) -> list[dict[str, str]]:
    """Arguments as v1beta4 of kubeadm takes them."""
    return [{"name": name, "value": str(value)} for name, value in sorted(arguments.items())]


def cluster_facts(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What the answers of all control-plane nodes to `cluster_state` say together.

    `seed` is the node that speaks for the cluster, "" if there is none: one that has the records of
    what the cluster was given, before one that has not. `silent` are the nodes that
    did so once and do not now.
    """
    hosts = {result["item"]: result for result in results if "whole" in result}
    whole = [name for name, result in hosts.items() if result["whole"]]
    speaking = sorted(whole, key=lambda name: not hosts[name]["records"].get("cluster"))
    seed = speaking[0] if speaking else ""
    state = hosts.get(seed, {})
    lost = [result["item"] for result in results if result.get("unreachable")]
    quiet = [
        name for name, host in hosts.items() if host["records"].get("whole") and not host["answers"]
    ]
    return {
        "seed": seed,
        "hosts": hosts,
        "silent": quiet + lost,
        "cluster": yaml.safe_load(state.get("cluster") or "{}"),
        "nodes": state.get("nodes", {}),
        "records": state.get("records", {}),
        "ca": state.get("ca", ""),
        "foreign": [name for name, host in hosts.items() if host["traces"] and not host["records"]],
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Name to function."""
        return {
            "kubeadm_join_values": join_values,
            "kubeadm_certificate_key": certificate_key,
            "kubeadm_cluster_facts": cluster_facts,
            "kubeadm_drift": drift,
            "kubeadm_arguments": name_values,
        }
