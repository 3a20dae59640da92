"""When what happens: an experiment's phases and actions on one axis, from the first ride."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fogbed.spec.experiment import Action, Experiment


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A phase, in seconds from the first ride."""

    name: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction:
    """An action and its deadline; ``index`` counts from 1 in the order of the file.

    ``left_out`` says why it will not be carried out; empty: it will.
    """

    index: int
    at_s: float
    do: str
    title: str
    action: Action
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One deadline: a phase that begins, an action, or the end of the run."""

    at_s: float
    phase: Span | None = None
    action: PlannedAction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A run's phases, one after the other, and its actions in the order of time."""

    spans: tuple[Span, ...]
    actions: tuple[PlannedAction, ...]

    @property
    def length_s(self) -> float:
        """Seconds from the first ride to the end of the cool-down."""
        return self.spans[-1].to_s

    def span(self, name: str) -> Span:
        """Return a phase by name; ``all`` is the whole run. One that was left out is empty."""
        if name == "all":
            return Span(name="all", from_s=0.0, to_s=self.length_s)
        nowhere = Span(name=name, from_s=0.0, to_s=0.0)
        return next((span for span in self.spans if span.name == name), nowhere)

    def phase_at(self, at_s: float) -> Span:
        """Return the phase at a moment; before the first and after the last, the nearest."""
        return next((span for span in self.spans if at_s < span.to_s), self.spans[-1])

    def next_action(self, at_s: float) -> PlannedAction | None:
        """Return the first action that is still to come, of those that are carried out."""
        coming = (each for each in self.actions if each.at_s > at_s and not each.left_out)
        return next(coming, None)

    def marks(self) -> tuple[Mark, ...]:
        """Return every deadline in order; at the same moment a phase begins before an action."""
        phases = [Mark(at_s=span.from_s, phase=span) for span in self.spans]
        actions = [Mark(at_s=action.at_s, action=action) for action in self.actions]
        end = Mark(at_s=self.length_s)
        return (*sorted([*phases, *actions], key=lambda mark: mark.at_s), end)


def plan_timeline(
    experiment: Experiment, left_out: Mapping[int, str] = MappingProxyType({})
) -> Timeline:
    """Return the timeline of an experiment; a phase of no length is left out.

    ``left_out``: why an action will not be carried out, by its index from 1.
    """
    lengths = experiment.phases
    spans: list[Span] = []
    begin = 0.0
    for name in ("warmup", "measure", "cooldown"):
        length: float = getattr(lengths, name)
        if length > 0:
            spans.append(Span(name=name, from_s=begin, to_s=begin + length))
        begin += length
    planned = [
        PlannedAction(
            index=index,
            at_s=action.at,
            do=action.do,
            title=action.title,
            action=action,
            left_out=left_out.get(index, ""),
        )
        for index, action in enumerate(experiment.scenario, start=1)
    ]
    spans = spans or [Span(name="measure", from_s=0.0, to_s=0.0)]
    return Timeline(spans=tuple(spans), actions=tuple(sorted(planned, key=lambda a: a.at_s)))
