"""What an action is: rules for files, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fogbed.spec.experiment import Action
from fogbed.spec.vocabulary import ActionRules

if TYPE_CHECKING:  # files are checked without NumPy and what else a run needs
    from fogbed.experiment.run_context import RunContext
    from fogbed.experiment.run_network import RunNetwork
    from fogbed.experiment.sampling.live_samples import LiveSamples
    from fogbed.experiment.workloads.workload import Workload
    from fogbed.plan.network import NetworkPlan
    from fogbed.platforms.events import Event
    from fogbed.spec import ResolvedExperiment

A = TypeVar("A", bound=Action)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What an action works with while it is carried out; ``index`` is its number from 1."""

    index: int
    run: RunContext
    workload: Workload
    network: RunNetwork
    samples: LiveSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBefore:
    """What is known when the network after action ``index`` (from 1) is planned.

    ``first`` is the experiment's own profile, ``current`` what is in force just before.
    """

    index: int
    resolved: ResolvedExperiment
    first: NetworkPlan
    current: NetworkPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEvent:
    """What an action does to processes, so that it is no failure of the run; None: whichever.

    It counts from the action's beginning until ``within_s`` seconds after its end: a platform
    takes a moment to notice.
    """

    event: str
    node: str | None = None
    process: str | None = None
    within_s: float = 5.0

    def matches(self, happened: Event) -> bool:
        """Whether an event of the platform is this one."""
        return (
            happened.event == self.event
            and self.node in (None, happened.node)
            and self.process in (None, happened.process)
        )


def _no_events(_action: Action) -> tuple[ExpectedEvent, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKind(ActionRules[A]):
    """An action, whole: a file of this folder makes one, ``table`` lists them.

    ``perform`` does it, returns the detail for the journal, and raises FogbedError. ``undo`` takes
    back, before the job is stopped, what it has left (also of one that failed; it may be asked
    twice); None: the run's own clean-up of job and network is enough. ``events`` is what it does
    to processes. ``network_after`` plans the network that it leaves; None: it does not change the
    network's state. ``moves_job``: it takes its turn in the job's lane; the others of a kind wait
    for each other only.
    """

    perform: Callable[[A, ActionContext], Mapping[str, Any]]
    undo: Callable[[A, ActionContext], None] | None = None
    events: Callable[[A], tuple[ExpectedEvent, ...]] = _no_events
    network_after: Callable[[A, NetworkBefore], NetworkPlan] | None = None
    moves_job: bool = False
