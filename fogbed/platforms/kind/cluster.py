"""A testbed's own cluster in containers on this computer: made, found again, woken, deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fogbed.clients.kind.command import require_kind
from fogbed.clients.kind.containers import NodeContainer
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, PlatformError, UsageError
from fogbed.plan.kind import cluster_name, host_names, plan_kind, what_changed
from fogbed.platforms.kind import making
from fogbed.platforms.kind.record import (
    KindRecord,
    forget_record,
    new_record,
    read_record,
)
from fogbed.platforms.kind.site import Site, are_ours, open_site
from fogbed.platforms.kubernetes.nodes import note_version, settle_nodes, wait_until_ready
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Testbed

_READY_S = 240.0
# a node that has run for long and is not Ready has no reason to become so
_SETTLED_S = 12.0


class KindCluster:
    """A ``platforms.kubernetes.cluster.Cluster``; ``folder``: the testbed's state folder."""

    outlives_testbeds = False

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        self._testbed = testbed
        self._folder = folder
        self._kubeconfig = folder / "kubeconfig"

    def examine(self) -> Sequence[Check]:
        """Return whether the kind command and an engine of containers are here, and answer."""
        try:
            site = open_site(self._testbed, self._folder)
            with site.told():
                require_kind()
                site.containers()
            read_record(self._folder)
        except FogbedError as error:
            return [Check("kind", ok=False, found=error.message, fix=error.hint or "")]
        return [Check("kind", ok=True, found=f"there, with {site.engine.name}")]

    @contextmanager
    def looked_at(self) -> Iterator[KubeAccess | None]:
        """Enter the way in of a cluster that is there."""
        yield self.access() if self._kubeconfig.exists() and self.exists() else None

    def require_fit(self) -> None:
        """Return if the cluster that is there, if any, is this testbed's, whole and unchanged.

        Raises:
            UsageError, PlatformError: as for ``ensure``.
        """
        site = open_site(self._testbed, self._folder)
        with site.told():
            self._found(site)

    def ensure(self, progress: Progress) -> None:
        """Make the cluster, or go on with the one that is there.

        Raises:
            UsageError: no engine of containers, or a testbed that the cluster which was made no
                more fits.
            PlatformError: it cannot be had, and why.
            Interrupted: Ctrl-C while kind was at work; nothing was left.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        site = open_site(self._testbed, self._folder)
        with site.told():
            if site.kind.end_leftovers():
                progress.note("a kind that a killed fogbed had left at work was ended")
            is_new = self._found_or_made(site, progress)
            making.point_to_mirrors(site)
            is_young = any(each.age_s < _READY_S for each in site.containers())
        wait_until_ready(
            site.access,
            self.hosts(),
            progress,
            timeout_s=_READY_S if is_young else _SETTLED_S,
            way_out=f"{site.engine.name} restart HOST starts a node again",
        )
        settle_nodes(site.access, self._testbed, self.hosts())
        if is_new:
            note_version(site.access, self._testbed, progress)
            progress.note(f"kubectl --kubeconfig {site.kubeconfig}")

    def exists(self) -> bool:
        """Whether node containers of ours are there, running or not."""
        record = read_record(self._folder)
        if record is None:
            return False
        site = open_site(self._testbed, self._folder)
        with site.told():
            return are_ours(site.containers(), record)

    def access(self) -> KubeAccess:
        """Return the administrator's kubeconfig; PlatformError if there is none yet."""
        if not self._kubeconfig.exists():
            raise PlatformError(
                f"testbed {self._testbed.name} has no cluster yet",
                hint=f"fogbed up -t {self._testbed.name}",
            )
        return KubeAccess(kubeconfig=self._kubeconfig)

    def hosts_by(self, access: KubeAccess) -> Mapping[str, str]:  # noqa: ARG002 - the seam's
        """Return the same as ``hosts``: kind's names are known."""
        return self.hosts()

    def hosts(self) -> Mapping[str, str]:
        """Return kind's name of each node, in the order of the file."""
        return host_names(self._testbed)

    def remove(self, progress: Progress) -> None:
        """Delete the cluster, whole or half made, and what was kept of it.

        Raises:
            UsageError, PlatformError: as for ``ensure``.
        """
        record = read_record(self._folder)
        if record is None:
            self._require_none_left(progress)
        else:
            site = open_site(self._testbed, self._folder)
            with site.told():
                site.kind.end_leftovers()
                containers = site.containers()
                if are_ours(containers, record):
                    making.delete(site, progress)
                elif containers:
                    progress.note(f"the kind cluster {site.name} is not this testbed's; it stays")
            for path in (site.config, site.log):
                path.unlink(missing_ok=True)
        self._kubeconfig.unlink(missing_ok=True)
        forget_record(self._folder)

    def _require_none_left(self, progress: Progress) -> None:
        """Return unless a cluster of the testbed's name is there, of which nothing is kept here."""
        try:
            site = open_site(self._testbed, self._folder)
            with site.told():
                containers = site.containers()
        except FogbedError as error:
            progress.note(
                f"whether a kind cluster {cluster_name(self._testbed)} is here was not seen: "
                f"{error.message}"
            )
            return
        if containers:
            raise PlatformError(
                f"there is a kind cluster {site.name}, and {self._folder} keeps no record that "
                "says whose it is: it stays",
                hint="if it is this testbed's (its state was deleted, or another user has it), "
                f"delete it with all that it holds: kind delete cluster --name {site.name}",
                details="\n".join(each.name for each in containers),
            )

    def load_images(self, images: Sequence[str], progress: Progress) -> None:
        """Bring those images to the nodes that the engine here has by tag; nodes pull the others.

        Raises:
            UsageError, PlatformError: as for ``ensure``.
        """
        site = open_site(self._testbed, self._folder)
        with site.told():
            for image in _here(site, images):
                with progress.step(f"image {image} to the nodes"):
                    site.kind.load([image])

    def brings(self, images: Sequence[str]) -> Sequence[str]:
        """Return those images that ``load_images`` would bring; raises as that."""
        site = open_site(self._testbed, self._folder)
        with site.told():
            return _here(site, images)

    def _found(self, site: Site) -> tuple[KindRecord | None, Sequence[NodeContainer]]:
        """Return what is kept and there, where ``ensure`` may go on from it; UsageError if not."""
        record, containers = read_record(self._folder), site.containers()
        if containers and not are_ours(containers, record):
            raise _not_ours(site)
        if record is not None and self._is_there(record, containers):
            _require_same(record, site)
            _require_all(containers, self.hosts())
            _require_awake(site, containers, self.hosts())
        return record, containers

    def _is_there(self, record: KindRecord, containers: Collection[NodeContainer]) -> bool:
        return record.is_whole and _has_control_plane(containers, self.hosts())

    def _found_or_made(self, site: Site, progress: Progress) -> bool:
        """Have kind's part done; return whether it was done just now."""
        record, containers = self._found(site)
        if record is not None and self._is_there(record, containers):
            making.wake(site, record, containers, progress)
            return False
        if record is not None and record.is_whole:
            progress.note(f"the kind cluster {site.name} is gone, not by fogbed: it is made anew")
        elif containers:
            progress.note(f"the kind cluster {site.name} was half made: it is made anew")
        if containers:
            making.delete(site, progress)
        making.make(site, record or new_record(), progress)
        return True


def _here(site: Site, images: Sequence[str]) -> list[str]:
    # by digest alone kind cannot give a node an image
    return [each for each in images if "@" not in each and site.engine.has_image(each)]


def _not_ours(site: Site) -> PlatformError:
    return PlatformError(
        f"there is a kind cluster {site.name} that was not made from {site.folder}",
        hint=f"rename the testbed, or delete the cluster: kind delete cluster --name {site.name}",
    )


def _has_control_plane(containers: Collection[NodeContainer], hosts: Mapping[str, str]) -> bool:
    return any(each.role == "control-plane" and each.name in hosts.values() for each in containers)


def _require_same(record: KindRecord, site: Site) -> None:
    """Return if kind would make the same cluster again; UsageError with what has changed."""
    was = record.config["nodes"][0].get("image")
    # the environment's image is for the making alone: another shell need not have it
    image = site.testbed.kubernetes.image or was
    changed = what_changed(record.config, plan_kind(site.testbed, image=image, owner=record.owner))
    if changed:
        raise UsageError(
            f"testbed {site.testbed.name} has changed in what its kind cluster was made from: "
            f"{', '.join(changed)}",
            hint="kind cannot change a cluster: fogbed down, then fogbed up makes it anew (what "
            "MinIO holds goes with it)",
        )


def _require_all(containers: Collection[NodeContainer], hosts: Mapping[str, str]) -> None:
    """Return if every node has its container; PlatformError if somebody removed one."""
    there = {each.name for each in containers}
    gone = [f"{name} ({host})" for name, host in hosts.items() if host not in there]
    if gone:
        raise PlatformError(
            f"the containers of these nodes are gone: {', '.join(gone)}",
            hint="kind cannot add a node: fogbed down, then fogbed up makes the cluster anew (what "
            "MinIO holds goes with it)",
        )


def _require_awake(
    site: Site, containers: Collection[NodeContainer], hosts: Mapping[str, str]
) -> None:
    """Return if somebody has paused no node: who did may have a reason; else PlatformError."""
    paused = {each.name for each in containers if each.is_paused}
    if paused:
        told = ", ".join(f"{name} ({host})" for name, host in hosts.items() if host in paused)
        raise PlatformError(
            f"the containers of these nodes are paused: {told}",
            hint=f"{site.engine.name} unpause {' '.join(sorted(paused))}",
        )
