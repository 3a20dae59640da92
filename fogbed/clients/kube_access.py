"""How a cluster is reached: a kubeconfig, and one of its contexts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeAccess:
    """A kubeconfig, and which of its contexts is meant; None: the one that is current there."""

    kubeconfig: Path
    context: str | None = None
