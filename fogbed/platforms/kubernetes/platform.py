"""A testbed on Kubernetes whose cluster is kind's, or was there before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import cached_property
from pathlib import Path

from fogbed import spec
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, ServiceAwayError, ServiceError, UsageError
from fogbed.plan.cluster import namespace_of
from fogbed.plan.images import images_of
from fogbed.plan.services.data import data_of
from fogbed.platforms.base import LogLine, TestbedStatus
from fogbed.platforms.image_lock import pinned_images
from fogbed.platforms.kubernetes import logs, preview, status
from fogbed.platforms.kubernetes.cluster import Cluster
from fogbed.platforms.kubernetes.connection import Connection
from fogbed.platforms.kubernetes.credentials import adopt_credentials
from fogbed.platforms.kubernetes.examination import (
    check_owner,
    examine_cluster,
    examine_planned,
    failed_check,
)
from fogbed.platforms.kubernetes.ownership import (
    ForeignTestbed,
    keep_owner,
    read_owner,
    require_owner,
)
from fogbed.platforms.kubernetes.removal import remove_testbed
from fogbed.platforms.kubernetes.running import RunningCluster
from fogbed.platforms.kubernetes.shaping import check_shapers, end_shaping, with_emulation
from fogbed.platforms.preflight import Check
from fogbed.platforms.requests import DownRequest, Preview, UpRequest
from fogbed.platforms.state import only_one, read_origin
from fogbed.spec.testbed import Testbed


class KubernetesPlatform(RunningCluster):
    """A testbed in a cluster; the object keeps nothing that another one would not find."""

    def __init__(self, testbed: Testbed, cluster: Cluster, origin: Path | None = None) -> None:
        """``origin``: the file that the testbed was read from, as far as that is known."""
        super().__init__(testbed)
        self._cluster = cluster
        self._origin = origin

    def cluster_access(self) -> KubeAccess:
        """Return how the cluster is reached."""
        return self._cluster.access()

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """What the cluster calls each node, by the testbed's name of it."""
        return self._cluster.hosts()

    # -- up and down -----------------------------------------------------------------------------

    def up(self, request: UpRequest, progress: Progress) -> None:
        """Bring the cluster and what runs on it up, or what is missing of it.

        What refuses by looking alone comes first: then the testbed is as it was, here too.

        Raises:
            UsageError: the testbed cannot run on this cluster; nothing was touched.
            PlatformError: something did not come up; the error names it.
        """
        pinned_images(self.testbed, self._origin)  # a lock that is wrong is told before anything
        with only_one(self.testbed.name):
            self._require_fit(request)
            self._files.begin(spec=spec.dump_yaml(self.testbed), origin=self._origin)
            if self._cluster.outlives_testbeds:
                keep_owner(self._files)
            if "machines" in request.parts:
                self._cluster.ensure(progress)
            if "stack" in request.parts:
                self._cluster.load_images(tuple(images_of(self.testbed).values()), progress)
                self._deploy(request, progress)
        progress.note(f"testbed {self.testbed.name} is up")

    def _require_fit(self, request: UpRequest) -> None:
        with ExitStack() as held:
            access: KubeAccess | None
            if "machines" in request.parts:
                self._cluster.require_fit()
                access = held.enter_context(self._cluster.looked_at())
            else:
                access = self.cluster_access()
            if access is None or "stack" not in request.parts:
                return
            if not self._cluster.outlives_testbeds:
                # its own cluster may be asleep: what is not heard now is judged when it is awake
                held.enter_context(suppress(ServiceError))
            there = held.enter_context(closing(Connection(access, self.testbed)))
            pinned = pinned_images(self.testbed, self._origin)
            stack = self._stack_at(there, self.hosts, pinned, request.links)
            self._require_room(stack, there, request.scheduler)

    def down(self, request: DownRequest, progress: Progress) -> None:
        """Take the testbed away; what its object store holds stays if the cluster does.

        Where nothing is kept here of the testbed, the user's own way leads to its cluster.

        Raises:
            UsageError: that way is not there.
            PlatformError, ServiceError: it failed; the same command goes on from there.
        """
        with only_one(self.testbed.name):
            keeps, origin = self._cluster.outlives_testbeds, read_origin(self.testbed.name)
            is_given_up = False
            if keeps and (self._may_be_there() or request.everything):
                is_given_up = not self._is_taken_off(request, progress)
            self._close()
            self._cluster.remove(progress)
            self._files.remove(keep_credentials=keeps and not request.everything)
        progress.note(f"testbed {self.testbed.name} is down")
        if keeps and not (request.everything or is_given_up):
            for data in data_of(self.testbed):
                progress.note(
                    f"kept: what {data.title} holds (PersistentVolumeClaim {data.claim} in "
                    f"namespace {namespace_of(self.testbed.name)}); fogbed down --everything -t "
                    f"{origin or 'FILE'} removes it"
                )

    def _may_be_there(self) -> bool:
        """Whether no ``down`` has come to its end since the last ``up``, as far as is known here.

        A folder that is lost knows nothing of either.
        """
        was_taken_down = self._files.root.exists() and not self._files.spec.exists()
        return self._cluster.exists() or not was_taken_down

    def _is_taken_off(self, request: DownRequest, progress: Progress) -> bool:
        """Take the testbed off its cluster; False where it is given up.

        That is where no way leads there, or it has somebody else's testbed of that name.

        Raises:
            ServiceAwayError: it does not answer.
            ForeignTestbed, UsageError, ServiceError: as for ``_remove_objects``.
        """
        try:
            self._remove_objects(progress, everything=request.everything)
        except (ForeignTestbed, UsageError) as error:
            if not request.forget_silent:
                raise
            progress.note(f"{error.message}; what the testbed has in its cluster is given up")
            return False
        except ServiceAwayError as error:
            if request.forget_silent:
                progress.note(f"{error.message}; what the testbed has in its cluster is given up")
                return False
            raise ServiceAwayError(
                error.message,
                hint="when it answers, the same command goes on; if the cluster is gone for good, "
                "give --forget-unreachable",
                details=error.details,
            ) from error
        return True

    def _remove_objects(self, progress: Progress, *, everything: bool) -> None:
        """Take the objects away; where no way is kept the user's own leads there.

        Raises:
            UsageError: that way is there no more.
            ForeignTestbed: what is there is somebody else's.
            ServiceError: the API server does not answer, or refuses.
        """
        with ExitStack() as held:
            if self._cluster.exists():
                access = self.cluster_access()
            elif (there := held.enter_context(self._cluster.looked_at())) is not None:
                access = there
                progress.note(
                    f"nothing here says where testbed {self.testbed.name} was up; looking in the "
                    f"cluster of {_told(self.testbed)}, and in no other"
                )
            else:
                return
            kube = held.enter_context(KubeObjects(access))
            require_owner(kube, self.testbed, read_owner(self._files))
            if not everything:
                # the Secrets go, and the data that they open stays
                adopt_credentials(self._files, kube, self.testbed.name)
            end_shaping(kube, access, self.testbed, progress)
            remove_testbed(kube, self.testbed.name, progress, everything=everything)

    def preview(self) -> Preview:
        """Return what ``up`` would make; nothing is touched."""
        return preview.preview_of(self.testbed)

    def removal(self, request: DownRequest) -> Sequence[str]:
        """Return what ``down`` would remove and keep."""
        outlives = self._cluster.outlives_testbeds
        return preview.removal_of(self.testbed, request, keeps_cluster=outlives)

    # -- what is there ---------------------------------------------------------------------------

    def status(self) -> TestbedStatus:
        """Return nodes, processes, URLs, problems and drift as they are now."""
        if not self._files.kubeconfig.exists():
            return status.down(self.testbed, "not up yet")
        found = status.read_status(self.testbed, self)
        return with_emulation(found, self.emulator()) if found.state != "down" else found

    def examine(self) -> Sequence[Check]:
        """Return what ``up`` needs and finds, or not: of this computer, and of the cluster."""
        here = list(self._cluster.examine())
        if not all(check.ok for check in here):
            return here
        try:
            pinned = pinned_images(self.testbed, self._origin)
        except FogbedError as error:
            return [*here, failed_check("lock", error)]
        with self._cluster.looked_at() as access:
            return [*here, *self._examine(access, pinned)]

    def _examine(self, access: KubeAccess | None, pinned: Mapping[str, str]) -> Iterator[Check]:
        wanted = [pinned.get(each, each) for each in images_of(self.testbed).values()]
        try:
            brought = self._cluster.brings(wanted)
            hosts = self._cluster.hosts() if access is None else self._cluster.hosts_by(access)
        except FogbedError as error:
            yield failed_check("nodes", error)
            return
        if access is None:
            yield from examine_planned(self.testbed, hosts, pinned=pinned, brought=brought)
            return
        with KubeObjects(access) as kube:
            yield from examine_cluster(kube, self.testbed, hosts, pinned=pinned, brought=brought)
            yield check_owner(kube, self.testbed, read_owner(self._files))
            # who may not see the shapers is told so by up, which needs them
            with suppress(FogbedError):
                yield from check_shapers(kube, access, self.testbed, hosts)

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        """Yield lines of the logs of the testbed's pods on ``node``.

        Raises:
            UsageError: the testbed has no such node.
            PlatformError, ServiceError: they cannot be read.
        """
        self._require_node(node)
        host = self.hosts[node]
        return logs.read_logs(self.kube, self.testbed, host, lines=lines, follow=follow)


def _told(testbed: Testbed) -> str:
    return f"context {testbed.context}" if testbed.context else "your current context"
