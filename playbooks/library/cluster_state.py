#!/usr/bin/python
"""How far this host is on its way into a Kubernetes cluster; reads only.

First it waits for a kubeadm that still runs: when a controller is killed, what it started on the
node goes on, and a second kubeadm beside it would meet a moving target.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: cluster_state
short_description: Read how far a host is on its way into a cluster
options:
  address: {description: Returned is the interface that bears it., type: str, default: ""}
  wait: {description: Seconds to wait for a kubeadm that still runs., type: int, default: 1200}
  api_wait: {description: Seconds to wait for an API server that was there., type: int, default: 0}
  ask: {description: Whether to ask the API server of this host., type: bool, default: true}
  records: {description: Where fogbed's records lie., type: path, default: /var/lib/fogbed/cluster}
"""

PACKAGES = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "containerd.io",
    "containerd",
    "docker-ce",
    "docker.io",
)
ETC = Path("/etc/kubernetes")
ADMIN = ETC / "admin.conf"
# What a kubeadm that did not finish may leave; `kubeadm reset` takes all of it.
TRACES = (
    "etc/kubernetes/*.conf",
    "etc/kubernetes/pki/*",
    "etc/kubernetes/manifests/*.yaml",
    "var/lib/etcd/*",
    "var/lib/kubelet/config.yaml",
)
# kubeadm init writes these last: with all of them a cluster is whole.
WHOLE = (
    "configmap/kubeadm-config",
    "configmap/kubelet-config",
    "configmap/kube-proxy",
    "deployment/coredns",
)


def running(name: str) -> bool:
    """Whether a program of this name runs."""
    return any(read(comm).strip() == name for comm in Path("/proc").glob("[0-9]*/comm"))


def wait_for_kubeadm(module: AnsibleModule) -> None:
    """Return once no kubeadm runs."""
    until = time.monotonic() + module.params["wait"]
    while running("kubeadm"):
        if time.monotonic() > until:
            module.fail_json(msg="An earlier kubeadm still runs on this host; see `ps -C kubeadm`.")
        time.sleep(1)


def read(path: Path) -> str:
    """The text of a file, or an empty one."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def packages(module: AnsibleModule) -> dict[str, str]:
    """Installed version of each package of interest."""
    form = "${db:Status-Status} ${Package} ${Version}\n"
    out = module.run_command(["dpkg-query", "-W", "-f", form, *PACKAGES])[1]
    return dict(re.findall(r"^installed (\S+) (\S+)$", out, re.MULTILINE))


def interface(module: AnsibleModule, address: str) -> str:
    """Name of the interface that bears an address."""
    out = module.run_command(["ip", "-j", "address"])[1] if address else "[]"
    for link in json.loads(out or "[]"):
        if any(entry.get("local") == address for entry in link.get("addr_info", [])):
            return str(link["ifname"])
    return ""


def kubectl(module: AnsibleModule, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of kubectl, asked of the API server on this host."""
    command = ["kubectl", f"--kubeconfig={ADMIN}", "--request-timeout=20s", *words]
    return module.run_command(command)  # type: ignore[no-any-return]


def listed_nodes(module: AnsibleModule, seconds: int) -> dict[str, Any] | None:
    """Name to summary of the cluster's nodes; None if the API does not answer with admin rights."""
    until = time.monotonic() + seconds
    while True:
        code, out, _ = kubectl(module, "get", "nodes", "-o", "json")
        if code == 0:
            return {node["metadata"]["name"]: summary(node) for node in json.loads(out)["items"]}
        if time.monotonic() > until:
            return None
        time.sleep(3)


def whole_objects(module: AnsibleModule, seconds: int) -> tuple[int, str]:
    """Exit code and output of asking for what a whole cluster has.

    An answer that something is not there is one; any other failure is asked again, for while etcd
    takes in a member, an API server fails now and then.
    """
    until = time.monotonic() + seconds
    while True:
        code, out, errors = kubectl(module, "-n", "kube-system", "get", *WHOLE, "-o", "json")
        if code == 0 or "NotFound" in errors or time.monotonic() > until:
            return code, out
        time.sleep(3)


def api(module: AnsibleModule, *, had_one: bool) -> dict[str, Any]:
    """Whether the API answers, whether kubeadm finished, its configuration and the nodes.

    Only a host that once had a whole cluster is waited for: elsewhere a silent API is a start that
    was cut off.
    """
    wait = module.params["api_wait"] if had_one else 15
    nodes = listed_nodes(module, wait) if module.params["ask"] and ADMIN.exists() else None
    if nodes is None:
        return {"answers": False, "whole": False, "cluster": "", "nodes": {}}
    code, out = whole_objects(module, wait)
    objects = (
        {item["metadata"]["name"]: item for item in json.loads(out)["items"]} if code == 0 else {}
    )
    config = objects.get("kubeadm-config", {}).get("data", {}).get("ClusterConfiguration", "")
    return {"answers": True, "whole": code == 0, "cluster": config, "nodes": nodes}


def summary(node: dict[str, Any]) -> dict[str, Any]:
    """What the playbooks ask of a node."""
    ready = [c["status"] for c in node["status"].get("conditions", []) if c["type"] == "Ready"]
    return {
        "ready": ready == ["True"],
        "kubelet": node["status"]["nodeInfo"]["kubeletVersion"].lstrip("v"),
        "unschedulable": node["spec"].get("unschedulable", False),
        "control_plane": "node-role.kubernetes.io/control-plane"
        in node["metadata"].get("labels", {}),
        "upgrading": "fogbed.io/upgrading" in node["metadata"].get("annotations", {}),
    }


def records(folder: Path) -> dict[str, str]:
    """Name to text of fogbed's own records."""
    return {path.name: read(path).strip() for path in (folder.iterdir() if folder.is_dir() else ())}


def manifest_version() -> str:
    """Version of the API server that this host's static pod names."""
    found = re.search(r"kube-apiserver:v([0-9.]+)", read(ETC / "manifests/kube-apiserver.yaml"))
    return found.group(1) if found else ""


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "default": ""},
            "wait": {"type": "int", "default": 1200},
            "api_wait": {"type": "int", "default": 0},
            "ask": {"type": "bool", "default": True},
            "records": {"type": "path", "default": "/var/lib/fogbed/cluster"},
        },
        supports_check_mode=True,
    )
    wait_for_kubeadm(module)
    ca = read(ETC / "pki/ca.crt")
    ours = records(Path(module.params["records"]))
    traces = [str(path) for pattern in TRACES for path in Path("/").glob(pattern)]
    bootstrap = ETC / "bootstrap-kubelet.conf"
    module.exit_json(
        changed=False,
        packages=packages(module),
        interface=interface(module, module.params["address"]),
        joined=(ETC / "kubelet.conf").exists() and not bootstrap.exists(),
        traces=sorted(traces),
        ca=hashlib.sha256(ca.encode()).hexdigest() if ca else "",
        control_plane=manifest_version(),
        records=ours,
        **api(module, had_one="whole" in ours),
    )


if __name__ == "__main__":
    main()
