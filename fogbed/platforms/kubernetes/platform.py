"""A testbed on Kubernetes: kind's, one that was there before, or one of fogbed's own on Pis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from fogbed import spec
from fogbed.clients.channel import Channel
from fogbed.clients.kube_exec import pod_channel
from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.object_store import ObjectStore
from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import PlatformError, UsageError
from fogbed.network.no_emulation import NoEmulation
from fogbed.plan.cluster import BUCKET, agent_namespace_of, namespace_of
from fogbed.plan.images import images_of
from fogbed.platforms.base import Endpoints, LogLine, TestbedStatus
from fogbed.platforms.events import Event
from fogbed.platforms.kubernetes import clocks, logs, preview, status
from fogbed.platforms.kubernetes.agents import agent_pods, require_agent
from fogbed.platforms.kubernetes.bare_memory import FiledBare
from fogbed.platforms.kubernetes.cluster import Cluster
from fogbed.platforms.kubernetes.connection import Connection
from fogbed.platforms.kubernetes.credentials import keep_credentials
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.platforms.kubernetes.pod_events import read_pod_events
from fogbed.platforms.kubernetes.registration import (
    refuse_while_a_job_runs,
    wait_until_registered,
)
from fogbed.platforms.kubernetes.rollout import roll_out
from fogbed.platforms.kubernetes.stack import Stack
from fogbed.platforms.kubernetes.summary_source import SummarySource
from fogbed.platforms.kubernetes.workers import KubernetesWorkers
from fogbed.platforms.requests import DownRequest, Preview, Scheduler, UpRequest
from fogbed.platforms.state import only_one
from fogbed.spec.testbed import Testbed
from fogbed.stream_job.object_storage import ObjectStorage

_REST, _S3 = ("jobmanager", 8081), ("minio", 9000)
_DRIFT = {"created": "is missing", "changed": "is not as the testbed says"}


class KubernetesPlatform:
    """A testbed in a cluster; the object keeps nothing that another one would not find."""

    def __init__(self, testbed: Testbed, cluster: Cluster, origin: Path | None = None) -> None:
        """``origin``: the file that the testbed was read from, as far as that is known."""
        self.testbed = testbed
        self._cluster = cluster
        self._origin = origin
        self._folder = KubeFolder(testbed.name)

    # -- up and down -----------------------------------------------------------------------------

    def up(self, request: UpRequest, progress: Progress) -> None:
        """Bring the cluster and what runs on it up, or what is missing of it.

        Raises:
            UsageError: the testbed cannot run on this cluster; nothing was touched.
            PlatformError: something did not come up; the error names it.
        """
        with only_one(self.testbed.name):
            self._folder.begin(spec=spec.dump_yaml(self.testbed), origin=self._origin)
            self._cluster.ensure(progress)
            self._cluster.load_images(tuple(images_of(self.testbed).values()), progress)
            self._deploy(self._scheduler_wanted(request.scheduler), progress)
            workers = [node.name for node in self.testbed.nodes if node.taskmanager]
            wait_until_registered(self.endpoints().flink, workers, progress)
        progress.note(f"testbed {self.testbed.name} is up")

    def _deploy(self, scheduler: str, progress: Progress) -> None:
        self._stack().deploy(scheduler, progress)

    def down(self, request: DownRequest, progress: Progress) -> None:
        """Take the testbed away; what its object store holds stays if the cluster does.

        Raises:
            PlatformError, ServiceError: it failed; the same command goes on from there.
        """
        with only_one(self.testbed.name):
            keeps = self._cluster.outlives_testbeds
            if keeps and self._cluster.exists():
                self._stack().remove(progress, everything=request.everything)
            self._close()
            self._cluster.remove(progress)
            self._folder.remove(keep_credentials=keeps and not request.everything)
        progress.note(f"testbed {self.testbed.name} is down")
        if keeps and not request.everything:
            progress.note(
                f"kept: what MinIO holds (PersistentVolumeClaim minio-data in namespace "
                f"{namespace_of(self.testbed)}); fogbed down --everything removes it"
            )

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
        if not self._folder.kubeconfig.exists():
            return status.down(self.testbed, "not up yet")
        return status.read_status(self.testbed, self)

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        """Yield lines of the logs of the testbed's pods on ``node``.

        Raises:
            UsageError: the testbed has no such node.
            PlatformError, ServiceError: they cannot be read.
        """
        self._require_node(node)
        host = self.hosts[node]
        return logs.read_logs(self.kube, self.testbed, host, lines=lines, follow=follow)

    def endpoints(self) -> Endpoints:
        """Return where Flink and the object store are reached while this command runs.

        Raises:
            PlatformError: the testbed is not up.
        """
        url = self._connection.url
        return Endpoints(flink=url(*_REST), s3=url(*_S3) if self._has_minio() else None)

    @contextmanager
    def open_service(self, name: str, *, local_port: int = 0) -> Iterator[str]:
        """Yield the URL of a service on loopback until the block is left.

        Raises:
            UsageError: the testbed has no such service.
        """
        known = {"flink": _REST, **({"minio": _S3} if self._has_minio() else {})}
        if name not in known:
            raise UsageError(
                f"testbed {self.testbed.name} has no {name}", hint=f"open {' or '.join(known)}"
            )
        yield self._connection.url(*known[name], local_port=local_port)

    def channel(self, node: str, *, root: bool = False) -> Channel:
        """Return how to run a program on ``node``: in the pod of its agent, which is root there.

        Raises:
            UsageError, PlatformError: there is no such node, or no agent runs on it.
        """
        del root
        self._require_node(node)
        pod = require_agent(self._agents(), node, self.testbed)
        return pod_channel(
            node, self._connection.access, agent_namespace_of(self.testbed), pod
        )

    def addresses(self) -> dict[str, str]:
        """Return the address of every node inside the pods' network: its agent's."""
        pods = self._agents()
        for node in self.testbed.nodes:
            require_agent(pods, node.name, self.testbed)
        return {node.name: pods[node.name]["status"]["podIP"] for node in self.testbed.nodes}

    def emulator(self) -> NoEmulation:
        """Return what shapes the links: nothing yet on this platform."""
        return NoEmulation(tuple(node.name for node in self.testbed.nodes))

    def workers(self) -> KubernetesWorkers:
        """Return which nodes carry a TaskManager, to change it."""
        return KubernetesWorkers(self)

    def storage(self) -> ObjectStorage:
        """Return the testbed's object store.

        Raises:
            PlatformError: the testbed is not up.
        """
        own = keep_credentials(self._folder)
        store = ObjectStore(self._connection.url(*_S3), own.access_key, own.secret_key, BUCKET)
        return ObjectStorage(store, Quiet())

    # -- measuring -------------------------------------------------------------------------------

    def samples(self) -> Sequence[SummarySource]:
        """Return what reads processor time and memory of the testbed's pods."""
        return [SummarySource(self.kube, self.testbed, self.hosts)]

    def events(self, since: float) -> Sequence[Event]:
        """Return what happened to the testbed's pods after ``since``, oldest first."""
        spaces = (namespace_of(self.testbed), agent_namespace_of(self.testbed))
        return read_pod_events(self.kube, spaces, self.hosts, since)

    def clock_offset_ms(self) -> float | None:
        """Return how far the clock of the node that is farthest off is from this computer's."""
        return clocks.farthest_off_ms({each.name: self.channel(each.name) for each in self.testbed.nodes})

    def bare_memory(self) -> FiledBare:
        """Return where the bare network is kept."""
        return FiledBare(self._folder)

    # -- the scheduler -----------------------------------------------------------------------------

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: a job is running (the error names it), or the spec fixes the other one.
        """
        url = self.endpoints().flink
        if self._running_scheduler() == scheduler:
            return
        fixed = self.testbed.services.flink.scheduler
        if fixed not in ("auto", scheduler):
            raise PlatformError(
                f"testbed {self.testbed.name} fixes the {fixed} scheduler; this job needs the "
                f"{scheduler} one",
                hint="write `scheduler: auto` under services.flink",
            )
        why = f"the JobManager must start again ({scheduler} scheduler)"
        refuse_while_a_job_runs(url, self.testbed.name, why)
        with only_one(self.testbed.name):
            workers = self.workers().list()
            planned = self._stack().manifests(scheduler)
            jobmanager = [each for each in planned if each.name == "jobmanager"]
            roll_out(self.kube, jobmanager, progress)
            wait_until_registered(url, workers, progress)

    def _running_scheduler(self) -> str:
        """Return the scheduler that the JobManager was started with; "" where there is none."""
        found = self.kube.get("apps/v1", "Deployment", "jobmanager", namespace_of(self.testbed))
        if found is None:
            return ""
        return found["metadata"].get("annotations", {}).get("fogbed.io/scheduler", "")

    def _scheduler_wanted(self, asked: Scheduler | None) -> str:
        written = self.testbed.services.flink.scheduler
        if written != "auto":
            return written
        return asked or self._running_scheduler() or "adaptive"

    def drift(self) -> Sequence[str]:
        """Return where the cluster's objects are not as the testbed says, with the way back."""
        scheduler = self._scheduler_wanted(None)
        return [
            f"{each.kind} {each.name} {found}; fogbed up puts it right"
            for each in self._stack().manifests(scheduler)
            if (found := _DRIFT.get(self.kube.preview(each.body)))
        ]

    # -- inside ----------------------------------------------------------------------------------

    @cached_property
    def _connection(self) -> Connection:
        if not self._folder.kubeconfig.exists():
            raise PlatformError(
                f"testbed {self.testbed.name} is not up", hint=f"fogbed up -t {self.testbed.name}"
            )
        return Connection(self._cluster.access(), self.testbed)

    @property
    def kube(self) -> KubeObjects:
        """The cluster's API server."""
        return self._connection.kube

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """What the cluster calls each node, by the testbed's name of it."""
        return self._cluster.hosts()

    def _stack(self) -> Stack:
        return Stack(
            self.testbed, self._connection, self.hosts, keep_credentials(self._folder)
        )

    def _close(self) -> None:
        if "_connection" in self.__dict__:
            self._connection.close()

    def _agents(self) -> dict[str, dict[str, object]]:
        return agent_pods(self.kube, self.testbed, self.hosts)

    def _has_minio(self) -> bool:
        return self.testbed.services.minio.endpoint is None

    def _require_node(self, name: str) -> None:
        names = [node.name for node in self.testbed.nodes]
        if name not in names:
            raise UsageError(
                f"testbed {self.testbed.name} has no node {name}", hint=f"it has {', '.join(names)}"
            )
