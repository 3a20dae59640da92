#!/usr/bin/python
"""How far this host is on its way into a Kubernetes cluster; reads only.

First it waits for a kubeadm that still runs: when a controller is killed, what it started on the
node goes on, and a second kubeadm beside it would meet a moving target.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: cluster_state
short_description: Read how far a host is on its way into a cluster
options:
  address: {description: The node's own address; the interface that bears it is returned., type: str, default: ""}
  wait: {description: Seconds to wait for a kubeadm that still runs., type: int, default: 1200}
  api_wait: {description: Seconds to wait for the API server of a host that once had one., type: int, default: 0}
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
ETC = "/etc/kubernetes"
ADMIN = f"{ETC}/admin.conf"
# What a kubeadm that did not finish may leave; `kubeadm reset` takes all of it.
TRACES = (
    f"{ETC}/*.conf", f"{ETC}/pki/*", f"{ETC}/manifests/*.yaml", "/var/lib/etcd/*", "/var/lib/kubelet/config.yaml",
)  # fmt: skip
# kubeadm init writes these last: with all of them a cluster is whole.
WHOLE = (
    "configmap/kubeadm-config",
    "configmap/kubelet-config",
    "configmap/kube-proxy",
    "deployment/coredns",
)


def running(name):
    """Whether a program of this name runs."""
    for comm in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(comm, encoding="utf-8") as file:
                if file.read().strip() == name:
                    return True
        except OSError:
            continue
    return False


def wait_for_kubeadm(module):
    """Return once no kubeadm runs."""
    until = time.monotonic() + module.params["wait"]
    while running("kubeadm"):
        if time.monotonic() > until:
            module.fail_json(msg="An earlier kubeadm still runs on this host; see `ps -C kubeadm`.")
        time.sleep(1)


def read(path):
    """The text of a file, or an empty one."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def packages(module):
    """Installed version of each package of interest."""
    out = module.run_command(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n", *PACKAGES]
    )[1]
    rows = [line.split() for line in out.splitlines()]
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "installed"}


def interface(module, address):
    """Name of the interface that bears an address."""
    out = module.run_command(["ip", "-j", "address"])[1] if address else "[]"
    for link in json.loads(out or "[]"):
        if any(entry.get("local") == address for entry in link.get("addr_info", [])):
            return link["ifname"]
    return ""


def kubectl(module, *words):
    """Exit code and output of kubectl, asked of the API server on this host."""
    return module.run_command(
        ["kubectl", f"--kubeconfig={ADMIN}", "--request-timeout=20s", *words]
    )[:2]


def api(module):
    """Whether the API answers with admin rights, whether kubeadm finished, and its configuration."""
    nothing = {"answers": False, "whole": False, "cluster": "", "nodes": {}}
    if not os.path.exists(ADMIN):
        return nothing
    until = time.monotonic() + module.params["api_wait"]
    while True:
        code, out = kubectl(module, "get", "nodes", "-o", "json")
        if code == 0 or time.monotonic() > until:
            break
        time.sleep(3)
    if code:
        return nothing
    nodes = {node["metadata"]["name"]: summary(node) for node in json.loads(out)["items"]}
    whole, _ = kubectl(module, "-n", "kube-system", "get", *WHOLE)
    path = "jsonpath={.data.ClusterConfiguration}"
    cluster = (
        kubectl(module, "-n", "kube-system", "get", "configmap/kubeadm-config", "-o", path)[1]
        if whole == 0
        else ""
    )
    return {"answers": True, "whole": whole == 0, "cluster": cluster, "nodes": nodes}


def summary(node):
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


def records(folder):
    """Name to text of fogbed's own records."""
    return {
        name: read(os.path.join(folder, name)).strip()
        for name in (os.listdir(folder) if os.path.isdir(folder) else [])
    }


def manifest_version():
    """Version of the API server that this host's static pod names."""
    found = re.search(r"kube-apiserver:v([0-9.]+)", read(f"{ETC}/manifests/kube-apiserver.yaml"))
    return found.group(1) if found else ""


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "default": ""},
            "wait": {"type": "int", "default": 1200},
            "api_wait": {"type": "int", "default": 0},
            "records": {"type": "path", "default": "/var/lib/fogbed/cluster"},
        },
        supports_check_mode=True,
    )
    wait_for_kubeadm(module)
    ca = read(f"{ETC}/pki/ca.crt")
    module.exit_json(
        changed=False,
        packages=packages(module),
        interface=interface(module, module.params["address"]),
        joined=os.path.exists(f"{ETC}/kubelet.conf")
        and not os.path.exists(f"{ETC}/bootstrap-kubelet.conf"),
        traces=sorted(path for pattern in TRACES for path in glob.glob(pattern)),
        ca=hashlib.sha256(ca.encode()).hexdigest() if ca else "",
        control_plane=manifest_version(),
        records=records(module.params["records"]),
        config=read(f"{ETC}/kubeadm.yaml"),
        **api(module),
    )


if __name__ == "__main__":
    main()
