"""What a run is given: the experiment, the platform, and what it works on them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fogbed.clients.progress import Progress
from fogbed.experiment.clock import Clock
from fogbed.experiment.events import Observer
from fogbed.experiment.judge.assertions.emulation import EmulationAssertion
from fogbed.experiment.network_states import Matrix
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.journal import Journal
from fogbed.experiment.sampling.round_trips import OpenPinger
from fogbed.experiment.workloads.workload import Workload
from fogbed.network.agent_client import ExecOutcome
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import NetworkPlan
from fogbed.plan.timeline import Timeline
from fogbed.platforms.base import Platform
from fogbed.platforms.measuring import Source
from fogbed.platforms.requests import Scheduler
from fogbed.spec import ResolvedExperiment
from fogbed.spec.job_description import JobDescription


class LayNetwork(Protocol):
    """Puts the first of a run's plans into force."""

    def __call__(
        self, platform: Platform, plans: Sequence[NetworkPlan], progress: Progress
    ) -> Matrix:
        """Return the bare RTT (p50, ms, shape (n, n)) that was measured before.

        Raises:
            UsageError: one of the plans asks for more than the bare network carries.
        """


class Verify(Protocol):
    """Measures the network in force against a plan, before the job."""

    def __call__(
        self,
        platform: Platform,
        plan: NetworkPlan,
        *,
        bare: Matrix,
        tolerance: Tolerance,
        progress: Progress,
    ) -> dict[str, Any]:
        """Return the matrices as ``network/*.json`` keeps them, with ``how: probe``."""


class NodeAgent(Protocol):
    """What runs programs on one node."""

    def exec(self, argv: Sequence[str], *, timeout_s: float) -> ExecOutcome:
        """Run a program to its end, or kill it after ``timeout_s`` seconds.

        Raises:
            NetworkError: it could not be started, or the agent is gone.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What does the work; replaced one by one in tests.

    ``describe(resolved)`` finds rides and landmarks and returns what the bundle says of them;
    ``workload(resolved, platform, bundle)`` is the job; ``sources(platform)`` is what the sampler
    reads besides it; ``agent(platform, node)`` runs programs on a node; ``report(folder)`` writes
    report.html and returns its path.
    """

    describe: Callable[[ResolvedExperiment], dict[str, Any]]
    workload: Callable[[ResolvedExperiment, Platform, Bundle], Workload]
    lay_network: LayNetwork
    verify: Verify
    pinger: Callable[[Platform], OpenPinger]
    sources: Callable[[Platform], Sequence[Source]]
    agent: Callable[[Platform, str], AbstractContextManager[NodeAgent]]
    executor: Callable[[], Executor]
    report: Callable[[Path], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Everything one repetition works with."""

    resolved: ResolvedExperiment
    platform: Platform
    timeline: Timeline
    dependencies: Dependencies
    bundle: Bundle
    journal: Journal
    clock: Clock
    progress: Progress
    observer: Observer
    repetition: int
    command: str
    described: Mapping[str, Any]

    @property
    def job(self) -> JobDescription:
        """What is known of the experiment's job."""
        return self.resolved.experiment.workload.description

    @property
    def scheduler(self) -> Scheduler:
        """What the workload needs: only the default scheduler honours a placement.

        A testbed that fixes one keeps it where the workload can live with it.
        """
        fixed = self.resolved.testbed.services.flink.scheduler
        if self.resolved.experiment.workload.placement is not None:
            return "default"
        return "adaptive" if fixed == "auto" else fixed

    @property
    def is_compared(self) -> bool:
        """Whether the output can be: it is in files, and its answers are computed again."""
        return self.resolved.experiment.workload.sink == "files" and self.job.oracle is not None

    @property
    def tolerance(self) -> Tolerance:
        """What the experiment asserts of the emulation; 3 % or 1 ms where it says nothing."""
        for assertion in self.resolved.experiment.assertions:
            if isinstance(assertion, EmulationAssertion):
                return Tolerance(fraction=assertion.tolerance, or_ms=assertion.or_)
        return Tolerance()
