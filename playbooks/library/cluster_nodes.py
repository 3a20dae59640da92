#!/usr/bin/python
"""Labels and readiness of nodes, for many nodes with few requests. Runs where admin.conf is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: cluster_nodes
short_description: Label and taint nodes once they are Ready
options:
  nodes:
    description: Node to C(labels), a dict, and C(tainted), whether pods stay away.
    type: dict
    required: true
  prefix: {description: Ours; such labels not named go., type: str, default: fogbed.io/}
  ready: {description: Whether to wait until the nodes are Ready., type: bool, default: true}
  timeout: {description: Seconds to wait for that., type: int, default: 300}
  kubeconfig: {description: Credentials., type: path, default: /etc/kubernetes/admin.conf}
"""

TAINT = "node-role.kubernetes.io/control-plane"


def label_changes(present: dict[str, str], wanted: dict[str, str], prefix: str) -> list[str]:
    """Arguments of `kubectl label` that lead from one set of labels to the other."""
    new = [f"{key}={value}" for key, value in sorted(wanted.items()) if present.get(key) != value]
    old = [f"{key}-" for key in sorted(present) if key.startswith(prefix) and key not in wanted]
    return new + old


def taint_changes(node: dict[str, Any], *, tainted: bool) -> list[str]:
    """Arguments of `kubectl taint` that put the control plane's taint on a node or take it away."""
    there = any(taint["key"] == TAINT for taint in node["spec"].get("taints", []))
    if tainted == there:
        return []
    return [f"{TAINT}=:NoSchedule"] if tainted else [f"{TAINT}:NoSchedule-"]


def why_not_ready(node: dict[str, Any] | None) -> str:
    """One sentence about a node that is not Ready, or an empty one."""
    if node is None:
        return "did not join"
    for condition in node["status"].get("conditions", []):
        if condition["type"] == "Ready":
            return (
                "" if condition["status"] == "True" else str(condition.get("message", "not Ready"))
            )
    return "its kubelet has not reported yet"


class Cluster:
    """kubectl with one set of credentials."""

    def __init__(self, module: AnsibleModule) -> None:
        """Keep what each call needs."""
        self.module = module

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output and errors of kubectl."""
        credentials = f"--kubeconfig={self.module.params['kubeconfig']}"
        command = ["kubectl", credentials, "--request-timeout=20s", *words]
        return self.module.run_command(command)  # type: ignore[no-any-return]

    def nodes(self) -> dict[str, Any] | None:
        """Name to node, or None while the API does not answer."""
        code, out, _ = self.run("get", "nodes", "-o", "json")
        return (
            {node["metadata"]["name"]: node for node in json.loads(out)["items"]}
            if code == 0
            else None
        )

    def change(self, verb: str, name: str, changes: list[str]) -> None:
        """Label or taint one node."""
        code, _, err = self.run(verb, "node", name, "--overwrite", *changes)
        if code:
            self.module.fail_json(msg=f"Cannot {verb} {name}: {err.strip()}")


def wait(module: AnsibleModule, cluster: Cluster) -> dict[str, Any]:
    """Nodes, once those asked for are Ready."""
    until = time.monotonic() + module.params["timeout"]
    while True:
        nodes = cluster.nodes()
        wanted = module.params["nodes"] if module.params["ready"] else []
        missing = {name: why_not_ready((nodes or {}).get(name)) for name in wanted}
        missing = {name: why for name, why in missing.items() if why}
        if nodes is not None and not missing:
            return nodes
        if time.monotonic() > until:
            told = "; ".join(f"{name}: {why}" for name, why in missing.items() if nodes is not None)
            told = told or "the API server does not answer"
            module.fail_json(msg=f"Not Ready after {module.params['timeout']} s: {told}")
        time.sleep(1)


def differences(
    nodes: dict[str, Any], wanted: dict[str, Any], prefix: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Triples of verb, node and arguments that are to be done."""
    for name in sorted(wanted.keys() & nodes.keys()):
        labels = {key: str(value) for key, value in wanted[name]["labels"].items()}
        present = nodes[name]["metadata"].get("labels", {})
        yield "label", name, label_changes(present, labels, prefix)
        yield "taint", name, taint_changes(nodes[name], tainted=wanted[name]["tainted"])


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "dict", "required": True},
            "prefix": {"type": "str", "default": "fogbed.io/"},
            "ready": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 300},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    cluster = Cluster(module)
    nodes = wait(module, cluster)
    steps = differences(nodes, module.params["nodes"], module.params["prefix"])
    changes = [step for step in steps if step[2]]
    if not module.check_mode:
        for verb, name, words in changes:
            cluster.change(verb, name, words)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
