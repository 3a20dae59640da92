"""Credential plugins of a kubeconfig (``exec:``): programs of clouds and logins that give a token.

https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogbed.clients import process
from fogbed.errors import CommandError, ServiceError

_TIMEOUT_S = 60.0
_OF_CLUSTER = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a plugin gave: a token, or a certificate and its key (PEM), or all of them."""

    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)


def ask_plugin(plugin: Mapping[str, Any], cluster: Mapping[str, Any], path: Path) -> Credentials:
    """Run the plugin that a kubeconfig at ``path`` names and return what it gives.

    Raises:
        ServiceError: it is not there, failed, or gave nothing.
    """
    command = str(plugin.get("command", ""))
    # as kubectl: a name is found on the PATH, a path is seen from the kubeconfig
    program = str(path.parent / command) if "/" in command else command
    added = {each["name"]: each["value"] for each in plugin.get("env") or ()}
    told = {"KUBERNETES_EXEC_INFO": _request(plugin, cluster)}
    words = [program, *map(str, plugin.get("args") or ())]
    hint = str(plugin.get("installHint") or "kubectl needs it too: does kubectl get nodes work?")
    try:
        outcome = process.run(words, timeout_s=_TIMEOUT_S, env={**os.environ, **told, **added})
    except CommandError as error:
        raise ServiceError(f"{path}: {error.message}", hint=hint) from error
    if outcome.returncode != 0:
        # what it wrote to stdout may be a token
        raise ServiceError(
            f"{path}: the credential plugin {command} ended with {outcome.returncode}",
            hint=hint,
            details=outcome.stderr.strip()[-4000:] or None,
        )
    return _given(outcome.stdout, f"{path}: the credential plugin {command} gave no credentials")


def _request(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {key: cluster[key] for key in _OF_CLUSTER if key in cluster}
    version = plugin.get("apiVersion", "client.authentication.k8s.io/v1")
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})


def _given(said: str, problem: str) -> Credentials:
    try:
        status = json.loads(said)["status"]
        found = Credentials(
            token=str(status.get("token") or ""),
            certificate=str(status.get("clientCertificateData") or ""),
            key=str(status.get("clientKeyData") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServiceError(problem) from error
    if not (found.token or found.certificate):
        raise ServiceError(problem)
    return found
