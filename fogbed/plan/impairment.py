"""What is added in one direction, and how a profile's lines are laid over each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fogbed.plan.trace import Trace
from fogbed.spec.network_profile import LinkRule, Shape, TraceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What is added in one direction.

    One-way delay and uniform jitter (plus or minus, a law of time) in milliseconds, loss as a
    fraction, rate in bit/s of layer 3 bytes (None: not limited). Faults as fractions of the
    packets: ``corrupt`` (one bit is flipped), ``duplicate`` (sent twice), ``reorder`` (sent without
    the delay). Where a ``trace`` drives delay, loss or rate, these are what is typical of it, and
    ``at`` what is in force at a time.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    rate_bps: int | None = None
    corrupt: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    trace: Trace | None = None

    def at(self, time_ns: int) -> Impairment:
        """Return what is in force at a time of the trace, in nanoseconds since its start."""
        if self.trace is None:
            return self
        return replace(self, trace=None, **_driven(self.trace.at(time_ns)._asdict()))

    @property
    def follows_time(self) -> bool:
        """Whether it is another one at another time: by a law of jitter, or a trace."""
        return self.jitter_ms > 0 or self.trace is not None

    @property
    def extremes(self) -> tuple[Impairment, ...]:
        """What it is at its least and at its most: itself, or one with the extremes of its trace.

        The first has the least delay and rate, the second the most.
        """
        if self.trace is None:
            return (self,)
        steps = self.trace.steps
        columns = {name: [getattr(step, name) for step in steps] for name in self.trace.columns}
        return tuple(
            replace(self, trace=None, **{name: of(each) for name, each in columns.items()})
            for of in (min, max)
        )

    @property
    def most_rate_bps(self) -> int | None:
        """The largest rate that is ever asked for, in bit/s; None where it is not limited."""
        return self.extremes[-1].rate_bps

    def settled(self) -> Impairment:
        """Return it with what is typical of its trace for a step of it that is in force now.

        So what was read back can be compared with what was asked. What is no step of the trace
        stays as it is: it is in force without having been asked.
        """
        if self.trace is None:
            return self
        driven = {name: getattr(self, name) for name in self.trace.columns}
        steps = {tuple(_driven(step._asdict()).values()) for step in self.trace.steps}
        if tuple(driven.values()) not in steps:
            return self
        return replace(self, **_driven(self.trace.typical._asdict()))


UNTOUCHED = Impairment()
_BY_LINE = ("jitter", "loss", "rate", "corrupt", "duplicate", "reorder")
_MEMBERS = {"jitter": "jitter_ms", "rate": "rate_bps"}


def merge(below: Impairment, line: Shape, delay: float | None) -> Impairment:
    """Return a line laid over what is below it.

    What the line names (``delay`` in milliseconds, one way) is no longer driven by a trace below;
    a trace in the line stands in the place of another one, and drives what it has.
    """
    named = {_MEMBERS.get(key, key): getattr(line, key) for key in _BY_LINE}
    named = {
        key: value for key, value in (*named.items(), ("delay_ms", delay)) if value is not None
    }
    given = line.trace if isinstance(line, LinkRule) else None
    if given is None:
        trace = None if below.trace is None else below.trace.without(*named)
        return replace(below, trace=trace, **named)
    if below.trace is not None:
        plain = {name: getattr(UNTOUCHED, name) for name in below.trace.columns}
        below = replace(below, **plain)
    trace = trace_of(given)
    return replace(below, trace=trace, **named, **_driven(trace.typical._asdict()))


def trace_of(given: TraceRef) -> Trace:
    """Return the trace that a line asks for, which has been read."""
    content = given.content
    return Trace(
        name=given.file.rsplit("/", 1)[-1],
        times_s=content.times_s,
        delay_ms=content.delay_ms,
        loss=content.loss,
        rate_bps=content.rate_bps,
        loop=given.loop,
        stretch=given.stretch,
    )


def members_of(impairment: Impairment) -> dict[str, Any]:
    """Return an impairment as JSON can hold it; of a trace how it is replayed, not its rows."""
    names = ("delay_ms", "jitter_ms", "loss", "rate_bps", "corrupt", "duplicate", "reorder")
    members: dict[str, Any] = {name: getattr(impairment, name) for name in names}
    trace = impairment.trace
    if trace is not None:
        told = ("name", "key", "loop", "stretch", "columns")
        members["trace"] = {name: getattr(trace, name) for name in told}
    return members


def _driven(step: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if value is not None}
