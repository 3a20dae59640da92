#!/usr/bin/python
"""A member of etcd taken out, for a control-plane node that is gone. Runs where admin.conf is."""

from __future__ import annotations

import json

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: etcd_member
short_description: Remove a member of the etcd that kubeadm runs
options:
  name: {description: The node that is gone., type: str, required: true}
  through: {description: A node whose etcd is asked., type: str, required: true}
  kubeconfig: {description: Credentials., type: path, default: /etc/kubernetes/admin.conf}
"""

PKI = "/etc/kubernetes/pki/etcd"
ETCDCTL = (
    "etcdctl", "--endpoints=https://127.0.0.1:2379", f"--cacert={PKI}/ca.crt",
    f"--cert={PKI}/server.crt", f"--key={PKI}/server.key",
)  # fmt: skip


def member_id(listing: str, name: str) -> str:
    """The identity of a member in `etcdctl member list -w json`, or an empty text."""
    for member in json.loads(listing)["members"]:
        if member.get("name") == name:
            return f"{member['ID']:x}"
    return ""


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "through": {"type": "str", "required": True},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    pod = f"etcd-{module.params['through']}"
    kubectl = [
        "kubectl",
        f"--kubeconfig={module.params['kubeconfig']}",
        "-n",
        "kube-system",
        "exec",
        pod,
        "--",
        *ETCDCTL,
    ]
    code, out, err = module.run_command([*kubectl, "member", "list", "-w", "json"])
    if code:
        module.fail_json(msg=f"Cannot list the members of etcd: {err.strip()}")
    found = member_id(out, module.params["name"])
    if found and not module.check_mode:
        code, _, err = module.run_command([*kubectl, "member", "remove", found])
        if code:
            module.fail_json(msg=f"Cannot remove {module.params['name']} from etcd: {err.strip()}")
    module.exit_json(changed=bool(found))


if __name__ == "__main__":
    main()
