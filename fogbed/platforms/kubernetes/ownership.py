"""Which of a cluster's objects are a testbed's: those that carry its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fogbed.errors import PlatformError
from fogbed.plan.cluster import agent_namespace_of, labels_of, namespace_of

Body = Mapping[str, Any]


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
