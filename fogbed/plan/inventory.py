"""A testbed of Pis as an Ansible inventory: the same testbed gives the same bytes.

The variables are those of ``playbooks/roles/fogbed/defaults``: what a testbed does not say is left
to them.
"""

from __future__ import annotations

import io
import re
import shlex
import string
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from fogbed.spec.testbed import Node, Ssh, Testbed

# Roles of a testbed's nodes -> groups of the inventory, which Ansible wants without a hyphen.
GROUPS = {"control-plane": "control_plane", "worker": "worker"}

# How every rendered file begins: what begins otherwise is somebody's own.
RENDERED = "# Rendered by fogbed from testbed "
_HEADER = """\
{rendered}{name}. Change the testbed's file, not this one:
# fogbed render inventory --check says whether the two still agree.
"""

# A text is written as it stands only where YAML 1.1, which Ansible reads, can take it for nothing
# else: an ASCII letter, then letters, digits and these, and none of its words for truths and null.
_PLAIN = frozenset(string.ascii_letters + string.digits + "-_./")
_NO_TEXTS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def render_inventory(testbed: Testbed, defaults: Mapping[str, Any]) -> str:
    """Return the inventory as YAML; ``defaults``: the roles' own values of shared variables."""
    text = io.StringIO()
    yaml = YAML()
    yaml.width = sys.maxsize
    yaml.allow_unicode = False
    yaml.dump(_quoted(plan_inventory(testbed, defaults)), text)
    return _HEADER.format(rendered=RENDERED, name=testbed.name) + text.getvalue()


def plan_inventory(testbed: Testbed, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inventory as Ansible's YAML plugin takes it; nodes in the order of the file."""
    groups = {
        group: {"hosts": {node.name: _host(node) for node in testbed.by_role(role)}}
        for role, group in GROUPS.items()
    }
    return {"all": {"vars": _variables(testbed, defaults), "children": groups}}


def _quoted(value: Any) -> Any:  # noqa: ANN401 - whatever YAML can hold
    if isinstance(value, dict):
        return {_quoted(key): _quoted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_quoted(each) for each in value]
    is_quoted = isinstance(value, str) and not _is_word(value)
    return DoubleQuotedScalarString(value) if is_quoted else value


def _is_word(text: str) -> bool:
    return text[:1].isalpha() and _PLAIN.issuperset(text) and text.lower() not in _NO_TEXTS


def ssh_arguments(ssh: Ssh) -> list[str]:
    """Return what every SSH connection to a testbed's nodes is given.

    A host key that is not known yet is remembered at first sight, one that has changed is refused.
    """
    options = ["-o", "StrictHostKeyChecking=accept-new"]
    if ssh.known_hosts is not None:
        options += ["-o", f"UserKnownHostsFile={option_path(ssh.known_hosts)}"]
    return options


def option_path(path: str) -> str:
    """Return a path as OpenSSH reads it in an option: ``%`` begins a token, a space ends a word."""
    written = _within_quotes(path)
    return f'"{written}"' if re.search(r"[\s\"'\\#]", path) else written


def _within_quotes(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _host(node: Node) -> dict[str, Any]:
    return {
        "ansible_host": node.address,
        "fogbed_tier": node.tier,
        "fogbed_taskmanager": node.taskmanager,
        "fogbed_labels": dict(sorted(node.labels.items())),
    }


def _variables(testbed: Testbed, defaults: Mapping[str, Any]) -> dict[str, Any]:
    kubernetes, runtime = testbed.kubernetes, testbed.runtime
    return {
        **_connection(testbed.ssh),
        "fogbed_testbed": testbed.name,
        "fogbed_kubernetes_version": kubernetes.version,
        "fogbed_pod_cidr": kubernetes.pod_cidr,
        "fogbed_service_cidr": kubernetes.service_cidr,
        "fogbed_endpoint": kubernetes.endpoint or "",
        "fogbed_vip": kubernetes.vip or "",
        "fogbed_encryption": kubernetes.encryption,
        "fogbed_cgroup_driver": kubernetes.cgroup_driver,
        "fogbed_ignore_preflight": list(kubernetes.ignore_preflight),
        "fogbed_kubelet": kubernetes.kubelet,
        "fogbed_kube_proxy": kubernetes.kube_proxy,
        "fogbed_etcd_args": {**defaults["fogbed_etcd_args"], **kubernetes.etcd},
        "fogbed_docker": runtime.docker,
        "fogbed_restrict_oom_score_adj": runtime.restrict_oom_score_adj,
        **_versions(testbed),
        **_sources(testbed, defaults),
    }


def _connection(ssh: Ssh | None) -> dict[str, Any]:
    if ssh is None:
        return {}
    return {
        "ansible_user": ssh.user,
        "ansible_port": ssh.port,
        # Ansible hands it on as an option, in quotation marks
        "ansible_ssh_private_key_file": _within_quotes(ssh.key),
        "ansible_ssh_common_args": shlex.join(ssh_arguments(ssh)),
    }


def _versions(testbed: Testbed) -> dict[str, str]:
    given = testbed.versions.model_dump(exclude_none=True)
    return {f"fogbed_{part}_version": version for part, version in given.items()}


def _sources(testbed: Testbed, defaults: Mapping[str, Any]) -> dict[str, Any]:
    sources = testbed.sources
    return {
        "fogbed_apt": {**defaults["fogbed_apt"], **sources.apt.model_dump(exclude_none=True)},
        "fogbed_keys": {**defaults["fogbed_keys"], **sources.keys.model_dump(exclude_none=True)},
        "fogbed_registries": dict(sorted(sources.registries.items())),
        **_time_servers(sources.ntp),
    }


def _time_servers(named: Sequence[str] | None) -> dict[str, Any]:
    if named is None:
        return {}
    # where there is no time server, nobody can wait for one; preflight has compared the clocks
    return {"host_ntp_servers": list(named)} if named else {"host_time_wait": 0}
