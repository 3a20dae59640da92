"""``output: complete``: nothing lost, nothing doubled, every answer as the oracle's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fogbed.errors import Problem
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.spec.experiment import Assertion, Workload
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part


class OutputAssertion(Assertion):
    """Nothing lost, nothing doubled, every answer as the oracle's."""

    output: Literal["complete"]

    @property
    def title(self) -> str:
        """What must hold."""
        return "output complete"


def output_can_be_compared(experiment: Part) -> Iterator[Problem]:
    """Only committed files can be compared, and only with answers the job did not compute."""
    workload = experiment["workload"]
    sink, job = workload["sink"], job_of(workload)
    kind = sink.value if sink.is_given else Workload.model_fields["sink"].default
    for output in (assertion["output"] for assertion in experiment["assert"].items()):
        if output.text == "complete" and kind != "files":
            what = f"output: complete needs the sink files, and it is {kind}"
            yield output.problem(what, "write sink: files in workload")
        if output.text == "complete" and job.oracle is None:
            what = f"nothing but the job itself computes what {job.name} answers"
            yield output.problem(what, "leave this assertion out")


def judge(assertion: OutputAssertion, evidence: Evidence) -> Judgement:
    """Judge by the comparison with the oracle."""
    title, completeness = assertion.title, evidence.completeness
    unit = evidence.job.charts.unit
    if not completeness:
        nothing = "the output was not compared: the job did not end with a position"
        return Judgement(title=title, ok=False, value=None, unit=unit, detail=nothing)
    rejected = sum(completeness["rejected"].values())
    counts = ", ".join(f"{completeness[key]} {key}" for key in ("lost", "doubled", "wrong"))
    detail = f"{counts}, {rejected} rejected. {completeness['detail']}".rstrip(". ")
    return Judgement(
        title=title,
        ok=bool(completeness["ok"]),
        value=completeness["found"],
        unit=unit,
        detail=detail,
    )


OUTPUT = AssertionKind(
    model=OutputAssertion,
    key="output",
    example="complete",
    checks=(output_can_be_compared,),
    judge=judge,
)
