"""Credential plugins of a kubeconfig (``exec:``): programs of clouds and logins that give a token.

https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fogbed.clients import process
from fogbed.clients.kube_context import KubeContext
from fogbed.errors import CommandError, ServiceError

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a plugin gave: a token, or a certificate and its key (PEM), or all of them.

    ``ends``: until when it holds (epoch seconds); None where it does not say.
    """

    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    ends: float | None = None


def ask_plugin(plugin: Mapping[str, Any], context: KubeContext) -> Credentials:
    """Run the plugin of a context and return what it gives.

    Raises:
        ServiceError: it is not there, failed, or gave nothing.
    """
    path, command = context.path, str(plugin.get("command", ""))
    # as kubectl: a name is found on the PATH, a path is seen from the kubeconfig
    program = str(path.parent / command) if "/" in command else command
    added = {each["name"]: each["value"] for each in plugin.get("env") or ()}
    told = {"KUBERNETES_EXEC_INFO": _request(plugin, context)}
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


def _request(plugin: Mapping[str, Any], context: KubeContext) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        cluster = {
            "server": context.server,
            "tls-server-name": context.server_name,
            "insecure-skip-tls-verify": not context.is_verified,
            "certificate-authority-data": base64.b64encode(context.authority).decode(),
            "proxy-url": context.proxy,
            "config": context.plugin_settings,
        }
        spec["cluster"] = {key: value for key, value in cluster.items() if value}
    version = plugin.get("apiVersion", "client.authentication.k8s.io/v1")
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})


def _given(said: str, problem: str) -> Credentials:
    try:
        status = json.loads(said)["status"]
        ends = status.get("expirationTimestamp")
        found = Credentials(
            token=str(status.get("token") or ""),
            certificate=str(status.get("clientCertificateData") or ""),
            key=str(status.get("clientKeyData") or ""),
            ends=datetime.fromisoformat(ends).timestamp() if ends else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServiceError(problem) from error
    is_half = bool(found.certificate) != bool(found.key)
    if is_half or not (found.token or found.certificate):
        raise ServiceError(problem)
    return found
