"""Flink, its object store and the agents, put on a cluster that is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fogbed.clients.object_store import provision
from fogbed.clients.progress import Progress
from fogbed.plan.cluster import (
    ClusterFacts,
    agent_namespace_of,
    namespace_of,
)
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.flink_settings import Scheduler
from fogbed.plan.manifests import Manifest, plan_manifests
from fogbed.plan.services.data import data_of
from fogbed.plan.services.flink import bucket_of
from fogbed.plan.services.grafana import SECRET
from fogbed.platforms.kubernetes.capacity import require_capacity
from fogbed.platforms.kubernetes.connection import Connection
from fogbed.platforms.kubernetes.credentials import Credentials, as_secrets
from fogbed.platforms.kubernetes.data_place import (
    make_room_for_class,
    relies_on_default,
    require_data_in_reach,
)
from fogbed.platforms.kubernetes.flink_there import ends_processes, links_asked_for
from fogbed.platforms.kubernetes.grafana_login import admin_secret
from fogbed.platforms.kubernetes.ownership import (
    owned_by,
    require_own_namespaces,
    require_owner,
)
from fogbed.platforms.kubernetes.rollout import roll_out
from fogbed.spec.testbed import Testbed

_DAY_S = 86400


class Stack:
    """The objects of one testbed in its cluster."""

    def __init__(  # noqa: PLR0913 - what a stack is made of, named by the caller
        self,
        testbed: Testbed,
        connection: Connection,
        hosts: Mapping[str, str],
        *,
        pinned: Mapping[str, str],
        owner: str,
        links: LinkDemand | None,
    ) -> None:
        """``pinned``: the digest that an image must have, as image -> image@digest.

        ``owner``: the testbed's mark; "" where the cluster is its own. ``links``: what an
        experiment asks of the TaskManagers' network buffers; None: what the last one asked.
        """
        self._testbed = testbed
        self._connection = connection
        self._kube = connection.kube
        self._hosts = hosts
        self._pinned = pinned
        self._owner = owner
        self._links = links

    def manifests(self, scheduler: Scheduler) -> tuple[Manifest, ...]:
        """Return what the testbed is to have in its cluster, in the order of application.

        Raises:
            ServiceError: the cluster does not say what it has already.
        """
        return plan_manifests(self._testbed, self._facts(scheduler))

    def require_room(self, scheduler: Scheduler) -> None:
        """Return if the cluster can have all that is planned; nothing is touched.

        Raises:
            UsageError, PlatformError: it cannot, as far as looking shows.
            ServiceError: the cluster does not say.
        """
        require_own_namespaces(self._kube, self._testbed.name)
        require_owner(self._kube, self._testbed, self._owner)
        require_data_in_reach(self._kube, self._testbed, self._hosts)
        manifests = self.manifests(scheduler)
        require_capacity(self._kube, self._testbed, self._hosts, manifests)

    def deploy(self, scheduler: Scheduler, credentials: Credentials, progress: Progress) -> None:
        """Have everything in the cluster as planned, and nothing of this testbed besides.

        That there is room for it (``require_room``) was seen before.

        Raises:
            PlatformError: something cannot come up; the error names the object and the way out.
        """
        manifests = self.manifests(scheduler)
        spaces = [each for each in manifests if each.kind == "Namespace"]
        first = [each for each in manifests if each.component in _BEFORE_FLINK]
        rest = [each for each in manifests if each not in spaces and each not in first]
        roll_out(self._kube, spaces, progress)
        make_room_for_class(self._kube, self._testbed.name, first)
        for secret in as_secrets(credentials, self._testbed):
            self._kube.apply(secret)
        if self._testbed.asks_for_grafana:
            self._kube.apply(admin_secret(self._kube, self._testbed))
        roll_out(self._kube, first, progress)
        if self._testbed.has_minio:
            self._provision(credentials, progress)
        roll_out(self._kube, rest, progress)
        self._prune(manifests, progress)

    def restarts_flink(self, scheduler: Scheduler) -> bool:
        """Whether ``deploy`` would end processes of a running Flink, and so its jobs."""
        return ends_processes(self._kube, self._testbed.name, self.manifests(scheduler))

    def _facts(self, scheduler: Scheduler) -> ClusterFacts:
        space = namespace_of(self._testbed.name)
        links = self._links or next(iter(links_asked_for(self._kube, self._testbed.name)), None)
        classes = self._kube.list("storage.k8s.io/v1", "StorageClass")
        claims = (
            self._kube.get("v1", "PersistentVolumeClaim", data.claim, space)
            for data in data_of(self._testbed)
        )
        claim = next((each for each in claims if each is not None), None)
        return ClusterFacts(
            hosts=self._hosts,
            scheduler=scheduler,
            has_default_class=relies_on_default(self._testbed.name, classes, claim),
            workers=frozenset(node.name for node in self._testbed.nodes if node.taskmanager),
            pinned=self._pinned,
            owner=self._owner,
            links=links,
        )

    def _provision(self, own: Credentials, progress: Progress) -> None:
        with progress.step("making the bucket and its user"):
            provision(
                self._connection.url("minio", 9000),
                own.root_user,
                own.root_password,
                bucket=bucket_of(self._testbed),
                access_key=own.access_key,
                secret_key=own.secret_key,
                savepoint_days=round(self._testbed.services.minio.retention / _DAY_S),
            )

    def _prune(self, manifests: Iterable[Manifest], progress: Progress) -> None:
        kept = {(each.kind, each.namespace, each.name) for each in manifests}
        secrets = (*_SECRETS, *([SECRET] if self._testbed.asks_for_grafana else []))
        kept |= {("Secret", namespace_of(self._testbed.name), name) for name in secrets}
        for gone in self._kube.prune(owned_by(self._testbed.name), kept, ("", *self._namespaces())):
            progress.note(f"removed {gone}: the testbed has it no longer")

    def _namespaces(self) -> Sequence[str]:
        return (namespace_of(self._testbed.name), agent_namespace_of(self._testbed.name))


# a store that answers comes first: a JobManager looks for it when it starts
_BEFORE_FLINK = ("local-path", "minio")
_SECRETS = ("minio-root", "flink-s3")
