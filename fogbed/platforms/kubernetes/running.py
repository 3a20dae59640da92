"""What there is of a testbed whose cluster is up: Flink, its store, agents, and what they tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import ServiceError, UsageError
from fogbed.plan.cluster import NODE_LABEL, agent_namespace_of, namespace_of
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.manifests import Manifest
from fogbed.platforms.base import Credentials, Endpoints, Opened
from fogbed.platforms.events import Event
from fogbed.platforms.image_lock import pinned_images
from fogbed.platforms.kubernetes.connection import Connection
from fogbed.platforms.kubernetes.credentials import adopt_credentials, keep_credentials
from fogbed.platforms.kubernetes.flink_there import (
    has_jobmanager,
    links_asked_for,
    runs_with,
    scheduler_asked_for,
)
from fogbed.platforms.kubernetes.grafana_login import read_login
from fogbed.platforms.kubernetes.ownership import read_owner
from fogbed.platforms.kubernetes.pod_events import EVERY_S, read_pod_events
from fogbed.platforms.kubernetes.reached import ReachedNodes
from fogbed.platforms.kubernetes.rollout import roll_out
from fogbed.platforms.kubernetes.shaping import ipv6_beside
from fogbed.platforms.kubernetes.stack import Stack
from fogbed.platforms.kubernetes.store import open_store
from fogbed.platforms.kubernetes.summary_source import SummarySource
from fogbed.platforms.kubernetes.workers import KubernetesWorkers
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.registration import (
    refuse_while_a_job_runs,
    wait_until_registered,
)
from fogbed.platforms.requests import Scheduler, UpRequest
from fogbed.platforms.schedulers import require_free, scheduler_wanted
from fogbed.platforms.state import only_one, read_origin
from fogbed.stream_job.object_storage import ObjectStorage

_REST, _S3, _PROMETHEUS = ("jobmanager", 8081), ("minio", 9000), ("prometheus", 9090)
_GRAFANA = ("grafana", 3000)
_DRIFT = {"created": "is missing", "changed": "is not as the testbed says"}


class RunningCluster(ReachedNodes):
    """A testbed in a cluster, as it is found; nothing here makes or ends it."""

    events_every_s = EVERY_S

    # -- what is there ---------------------------------------------------------------------------

    def endpoints(self) -> Endpoints:
        """Return where Flink, the object store and Prometheus are reached while this command runs.

        Raises:
            PlatformError: the testbed is not up.
        """
        url = self._connection.url
        return Endpoints(
            flink=url(*_REST),
            s3=url(*_S3) if self.testbed.has_minio else None,
            prometheus=self._prometheus(),
        )

    def _prometheus(self) -> str | None:
        if not self.testbed.services.prometheus.enabled:
            return None
        # figures are watched, and nothing waits for them: one that is not there yet is no error
        with suppress(ServiceError):
            return self._connection.url(*_PROMETHEUS)
        return None

    def obstacle(self) -> str:
        """Return why the last forwarded connection came to no pod; "" for one that did."""
        return self._connection.problem

    @contextmanager
    def open_service(self, name: str, local_port: int = 0) -> Iterator[Opened]:
        """Yield a service as it is reached on loopback until the block is left.

        Raises:
            UsageError: the testbed has no such service.
        """
        known = {"flink": _REST}
        known |= {"minio": _S3} if self.testbed.has_minio else {}
        known |= {"prometheus": _PROMETHEUS} if self.testbed.services.prometheus.enabled else {}
        known |= {"grafana": _GRAFANA} if self.testbed.asks_for_grafana else {}
        if name not in known:
            raise UsageError(
                f"testbed {self.testbed.name} has no {name}", hint=f"open {' or '.join(known)}"
            )
        url = self._connection.url(*known[name], local_port=local_port)
        if name == "grafana":
            yield Opened(url=url, credentials=read_login(self.kube, self.testbed))
            return
        if name != "minio":
            yield Opened(url=url)
            return
        # its console is off: what is there is read by clients of S3
        own = keep_credentials(self._files)
        yield Opened(
            url=url,
            has_page=False,
            credentials=Credentials(
                user=own.access_key, secret=own.secret_key, place=str(self._files.credentials)
            ),
        )

    def workers(self) -> KubernetesWorkers:
        """Return which nodes carry a TaskManager, to change it."""
        return KubernetesWorkers(self)

    def storage(self) -> ObjectStorage:
        """Return the testbed's object store.

        Raises:
            PlatformError: the testbed is not up.
        """
        own = keep_credentials(self._files)
        return ObjectStorage(open_store(self.testbed, self._connection, own), Quiet())

    # -- measuring -------------------------------------------------------------------------------

    def samples(self) -> Sequence[SummarySource]:
        """Return what reads processor time and memory of the testbed's pods."""
        return [SummarySource(self.kube, self.testbed, self.hosts)]

    def events(self, since: float) -> Sequence[Event]:
        """Return what happened to the testbed's pods after ``since`` (epoch seconds), oldest first.

        Five lists of the API server, as ``read_pod_events`` says; so ask every ``events_every_s``.
        """
        spaces = (namespace_of(self.testbed.name), agent_namespace_of(self.testbed.name))
        return read_pod_events(self.kube, spaces, self.hosts, since)

    # -- the scheduler -----------------------------------------------------------------------------

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: a job is running (the error names it), or the spec fixes the other one.
        """
        url = self.endpoints().flink
        if runs_with(url, scheduler):
            return
        require_free(self.testbed, scheduler)
        why = f"the JobManager must start again ({scheduler} scheduler)"
        self._refuse_while_a_job_runs(self._connection, why)
        with only_one(self.testbed.name):
            workers = self.workers().list()
            planned = self._stack(None).manifests(scheduler)
            jobmanager = [each for each in planned if each.component == "jobmanager"]
            roll_out(self.kube, jobmanager, progress)
            wait_until_registered(url, workers, progress)

    def use_links(self, asked: LinkDemand, progress: Progress) -> str:
        """Have the TaskManagers run with the network buffers that an experiment asks for.

        They start again only where they have others. Returns the choice and its reason.

        Raises:
            UsageError: the size that the spec fixes leaves too few for the job.
            PlatformError: they have others, and a job is running (the error names it).
        """
        wanted = chosen_for(self.testbed, asked)
        had = links_asked_for(self.kube, self.testbed.name)
        if all(wanted.same_as(chosen_for(self.testbed, each)) for each in had):
            return wanted.told
        why = "the TaskManagers must start again (other network buffers)"
        self._refuse_while_a_job_runs(self._connection, why)
        with only_one(self.testbed.name):
            workers = self.workers().list()
            planned = self._stack(asked).manifests(self._scheduler_wanted(self.kube, None))
            roll_out(self.kube, [each for each in planned if _is_worker(each, workers)], progress)
            wait_until_registered(self.endpoints().flink, workers, progress)
        return wanted.told

    def _refuse_while_a_job_runs(self, there: Connection, why: str) -> None:
        if has_jobmanager(there.kube, self.testbed.name):
            refuse_while_a_job_runs(there.url(*_REST), self.testbed.name, why, is_there=True)

    def _scheduler_wanted(self, kube: KubeObjects, asked: Scheduler | None) -> Scheduler:
        return scheduler_wanted(self.testbed, asked or scheduler_asked_for(kube, self.testbed.name))

    def drift(self) -> Sequence[str]:
        """Return where the cluster's objects are not as the testbed says, with the way back."""
        scheduler = self._scheduler_wanted(self.kube, None)
        return [
            f"{each.kind} {each.name} {found}; fogbed up puts it right"
            for each in self._stack(None).manifests(scheduler)
            if (found := _DRIFT.get(self.kube.preview(each.body)))
        ]

    # -- inside ----------------------------------------------------------------------------------

    def _stack(self, asked: LinkDemand | None) -> Stack:
        pinned = pinned_images(self.testbed, read_origin(self.testbed.name))
        return self._stack_at(self._connection, self.hosts, pinned, asked)

    def _stack_at(
        self,
        there: Connection,
        hosts: Mapping[str, str],
        pinned: Mapping[str, str],
        asked: LinkDemand | None,
    ) -> Stack:
        owner = read_owner(self._files)
        return Stack(self.testbed, there, hosts, pinned=pinned, owner=owner, links=asked)

    def _require_room(self, stack: Stack, there: Connection, asked: Scheduler | None) -> Scheduler:
        """Return which scheduler is wanted if ``stack`` may be put there; nothing is touched."""
        scheduler = self._scheduler_wanted(there.kube, asked)
        stack.require_room(scheduler)
        if stack.restarts_flink(scheduler):
            self._refuse_while_a_job_runs(there, "its spec has changed")
        return scheduler

    def _deploy(self, request: UpRequest, progress: Progress) -> None:
        """Put Flink and what it needs on the cluster, and wait until it is whole."""
        stack = self._stack(request.links)
        scheduler = self._require_room(stack, self._connection, request.scheduler)
        adopt_credentials(self._files, self.kube, self.testbed.name)
        stack.deploy(scheduler, keep_credentials(self._files), progress)
        if self.testbed.emulates_networks and (unshaped := ipv6_beside(self.kube, self.hosts)):
            progress.note(unshaped)
        workers = [node.name for node in self.testbed.nodes if node.taskmanager]
        wait_until_registered(self.endpoints().flink, workers, progress)


def _is_worker(manifest: Manifest, workers: Sequence[str]) -> bool:
    """Whether it is the Deployment of a TaskManager that runs: one that rests is not started."""
    labels = manifest.body["metadata"]["labels"]
    return manifest.component == "taskmanager" and labels.get(NODE_LABEL) in workers
