"""The objects of a testbed in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, as the API's own JSON, and the component that it is of."""

    component: str
    body: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        """The API that its kind is of, as ``apps/v1``."""
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        """Its kind, as ``Deployment``."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """Its name, one of its kind in its namespace."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it is cluster-wide."""
        return str(self.body["metadata"].get("namespace", ""))
