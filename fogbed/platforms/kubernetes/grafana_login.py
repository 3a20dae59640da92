"""Who is let in by a testbed's Grafana: a Secret of its cluster, made once and kept there."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from fogbed.errors import PlatformError
from fogbed.plan.cluster import labels_of, namespace_of
from fogbed.plan.services.grafana import SECRET
from fogbed.plan.services.grafana_settings import ADMIN
from fogbed.platforms.base import Credentials
from fogbed.platforms.kubernetes.credentials import Getter
from fogbed.spec.testbed import Testbed

_BYTES = 24
_KEYS = ("password", "key")


def admin_secret(kube: Getter, testbed: Testbed) -> dict[str, Any]:
    """Return the Secret that Grafana's pod reads, with what the cluster's own has already.

    ``key`` is what Grafana keeps secrets of its own with.

    Raises:
        ServiceError: the cluster cannot be asked.
    """
    there = _there(kube, testbed)
    data = {each: there.get(each) or secrets.token_urlsafe(_BYTES) for each in _KEYS}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": SECRET,
            "namespace": namespace_of(testbed.name),
            "labels": labels_of(testbed.name, "grafana"),
        },
        "type": "Opaque",
        "stringData": data,
    }


def read_login(kube: Getter, testbed: Testbed) -> Credentials:
    """Return who is let in.

    Raises:
        PlatformError: the cluster has no such Secret.
        ServiceError: it cannot be asked.
    """
    password = _there(kube, testbed).get("password")
    place = f"Secret {SECRET} of namespace {namespace_of(testbed.name)}"
    if not password:
        raise PlatformError(
            f"testbed {testbed.name} has no {place}", hint=f"fogbed up -t {testbed.name} makes it"
        )
    return Credentials(user=ADMIN, secret=password, place=place)


def _there(kube: Getter, testbed: Testbed) -> Mapping[str, str]:
    body = kube.get("v1", "Secret", SECRET, namespace_of(testbed.name)) or {}
    return {key: base64.b64decode(each).decode() for key, each in (body.get("data") or {}).items()}
