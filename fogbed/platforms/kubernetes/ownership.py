"""Which of a cluster's objects are a testbed's: those that carry its labels.

Two users may have given one name to two testbeds. So its namespace says whose it is: by a mark made
at the first ``up`` and kept in the testbed's folder.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Protocol

from fogbed.errors import PlatformError
from fogbed.files import write_whole
from fogbed.plan.cluster import OWNER, agent_namespace_of, labels_of, namespace_of
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.spec.testbed import Testbed

Body = Mapping[str, Any]


class ForeignTestbed(PlatformError):  # noqa: N818 - what it is
    """A testbed of this name is in the cluster, and another folder's."""


class Getter(Protocol):
    """What gets a cluster's objects (``KubeObjects``)."""

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Body | None:
        """Return an object as the API spells it; None if there is none."""


def owned_by(testbed: str) -> dict[str, str]:
    """Return the labels that every object of a testbed carries."""
    labels = labels_of(testbed, "any")
    return {key: value for key, value in labels.items() if not key.endswith("/component")}


def is_owned(found: Body, testbed: str) -> bool:
    """Whether an object carries a testbed's labels."""
    return owned_by(testbed).items() <= (found["metadata"].get("labels") or {}).items()


def require_own_namespaces(kube: Getter, testbed: str) -> None:
    """Return if the namespaces of a testbed are its own, or not there yet.

    Raises:
        PlatformError: somebody else made one of that name, which ``down`` would delete.
        ServiceError: the API server does not say.
    """
    for name in (namespace_of(testbed), agent_namespace_of(testbed)):
        found = kube.get("v1", "Namespace", name)
        if found is not None and not is_owned(found, testbed):
            labels = " ".join(f"{key}={value}" for key, value in owned_by(testbed).items())
            raise PlatformError(
                f"namespace {name} is there already and was not made for testbed {testbed}",
                hint=f"name the testbed otherwise; or, if it is meant for it: kubectl label "
                f"namespace {name} {labels}",
            )


def read_owner(folder: KubeFolder) -> str:
    """Return the mark that was kept; "" where none was."""
    try:
        return folder.owner.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def keep_owner(folder: KubeFolder) -> None:
    """Have a mark kept; it is made at the first call."""
    if not read_owner(folder):
        folder.make()
        write_whole(folder.owner, f"{secrets.token_hex(16)}\n", mode=0o600)


def require_owner(kube: Getter, testbed: Testbed, owner: str) -> None:
    """Return unless the testbed's namespace carries another mark than ``owner``.

    Raises:
        ForeignTestbed: it does; nothing was touched.
        ServiceError: the API server does not say.
    """
    name = namespace_of(testbed.name)
    found = kube.get("v1", "Namespace", name)
    mark = ((found or {}).get("metadata", {}).get("annotations") or {}).get(OWNER, "")
    if mark in ("", owner):
        return
    context = f" --context {testbed.context}" if testbed.context else ""
    raise ForeignTestbed(
        f"namespace {name} is of a testbed {testbed.name} that was not brought up from this "
        "computer by you, or whose folder here is lost",
        hint="if it is somebody else's, name yours otherwise; if it is yours, take it over: "
        f"kubectl{context} annotate namespace {name} {OWNER}- ; then give the command again",
    )
