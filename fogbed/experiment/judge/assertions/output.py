"""``output: complete``: nothing lost, nothing doubled, every answer as the oracle's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fogbed.errors import Problem
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.spec.experiment import Assertion, Workload
from fogbed.spec.part import Part


class OutputAssertion(Assertion):
    """Nothing lost, nothing doubled, every answer as the oracle's."""

    output: Literal["complete"]

    @property
    def title(self) -> str:
        """What must hold."""
        return "output complete"


def output_needs_files(experiment: Part) -> Iterator[Problem]:
    """Only committed files can be compared with the oracle."""
    sink = experiment["workload"]["sink"]
    kind = sink.value if sink.is_given else Workload.model_fields["sink"].default
    for assertion in experiment["assert"].items():
        if assertion["output"].text == "complete" and kind != "files":
            what = f"output: complete needs the sink files, and it is {kind}"
            yield assertion["output"].problem(what, "write sink: files in workload")


def judge(assertion: OutputAssertion, evidence: Evidence) -> Judgement:
    """Judge by the comparison with the oracle."""
    title, completeness = assertion.title, evidence.completeness
    if not completeness:
        nothing = "the output was not compared: the job did not end with a position"
        return Judgement(title=title, ok=False, value=None, unit="rides", detail=nothing)
    rejected = sum(completeness["rejected"].values())
    counts = ", ".join(f"{completeness[key]} {key}" for key in ("lost", "doubled", "wrong"))
    detail = f"{counts}, {rejected} rejected. {completeness['detail']}".rstrip(". ")
    return Judgement(
        title=title,
        ok=bool(completeness["ok"]),
        value=completeness["found"],
        unit="rides",
        detail=detail,
    )


OUTPUT = AssertionKind(
    model=OutputAssertion,
    key="output",
    example="complete",
    checks=(output_needs_files,),
    judge=judge,
)
