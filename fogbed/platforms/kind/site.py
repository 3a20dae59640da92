"""Where a testbed's kind cluster is worked on: its folder, its engine, its kind command."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fogbed.clients.kind.command import KindCommand, require_kind
from fogbed.clients.kind.containers import Engine, NodeContainer, choose_engine
from fogbed.clients.kube_access import KubeAccess
from fogbed.errors import CommandError, PlatformError
from fogbed.files import write_whole
from fogbed.plan.kind import MARK, cluster_name
from fogbed.platforms.kind.record import KindRecord
from fogbed.platforms.kind.refusals import explain
from fogbed.spec.testbed import Testbed

IMAGE_VARIABLE = "KIND_NODE_IMAGE"


@dataclass(frozen=True, slots=True)
class Site:
    """One testbed's; ``folder`` is its state folder."""

    testbed: Testbed
    folder: Path
    engine: Engine
    kind: KindCommand

    @property
    def name(self) -> str:
        """What kind calls the cluster."""
        return cluster_name(self.testbed)

    @property
    def kubeconfig(self) -> Path:
        """The cluster's administrator: fogbed's own copy, 0600."""
        return self.folder / "kubeconfig"

    @property
    def config(self) -> Path:
        """What kind was asked for."""
        return self.folder / "kind.yml"

    @property
    def log(self) -> Path:
        """What kind and the nodes said when no cluster came to be."""
        return self.folder / "kind.log"

    @property
    def image(self) -> str | None:
        """The node image: the testbed's, else this computer's; None for kind's own."""
        return self.testbed.kubernetes.image or os.environ.get(IMAGE_VARIABLE) or None

    @property
    def access(self) -> KubeAccess:
        """The way in."""
        return KubeAccess(kubeconfig=self.kubeconfig)

    def containers(self) -> tuple[NodeContainer, ...]:
        """Return the cluster's node containers, running or not."""
        return self.engine.containers(self.name)

    def write_kubeconfig(self) -> None:
        """Keep the administrator's kubeconfig, readable by nobody else from the first byte on."""
        write_whole(self.kubeconfig, self.kind.kubeconfig(), mode=0o600)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have what kind or the engine fails with said in our words.

        Raises:
            PlatformError: with a way out, where the cause is known.
            CommandError: in their own words, where it is not.
        """
        try:
            yield
        except CommandError as error:
            heard = f"{error.message}\n{error.details or ''}"
            known = explain(heard, engine=self.engine.name, image=self.image_told)
            if known is None:
                raise
            raise PlatformError(known[0], hint=known[1], details=error.details) from error

    @property
    def image_told(self) -> str:
        """The node image as users read it."""
        return self.image or "of this kind's release (kindest/node)"


def open_site(testbed: Testbed, folder: Path) -> Site:
    """Return it; UsageError if this computer has no engine of containers, or no kind."""
    engine = Engine(choose_engine())
    require_kind()
    return Site(testbed, folder, engine, KindCommand(engine, cluster_name(testbed), folder))


def are_ours(containers: Collection[NodeContainer], record: KindRecord | None) -> bool:
    """Whether there are node containers, and all carry the mark of this testbed's folder."""
    if record is None or not containers:
        return False
    return all(f"{MARK}{record.owner}" in each.mounts for each in containers)
