"""A toy assertion: the network was asked for a delay, whatever was measured."""

from __future__ import annotations

from collections.abc import Iterator

from fogbed.errors import Problem
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.spec.base import DelayMs
from fogbed.spec.experiment import Assertion
from fogbed.spec.part import Part


class AskedAssertion(Assertion):
    """A pair had this one-way delay in the last state of the network."""

    asked: tuple[str, str]
    delay: DelayMs

    @property
    def title(self) -> str:
        return f"asked {self.delay:g} ms of {' to '.join(self.asked)}"


def two_ends(experiment: Part) -> Iterator[Problem]:
    for assertion in experiment["assert"].items():
        ends = [end.value for end in assertion["asked"].items()]
        if len(ends) != len(set(ends)):
            yield assertion["asked"].problem("is one node", "write two")


def judge(assertion: AskedAssertion, evidence: Evidence) -> Judgement:
    last = evidence.matrices[-1]
    source, target = (last["nodes"].index(end) for end in assertion.asked)
    value = last["asked_delay_ms"][source][target]
    ok = value == assertion.delay
    return Judgement(
        title=assertion.title, ok=ok, value=value, unit="ms", detail=str(last["label"])
    )


ASKED = AssertionKind(
    model=AskedAssertion, key="asked", example="[A, B]", checks=(two_ends,), judge=judge
)
