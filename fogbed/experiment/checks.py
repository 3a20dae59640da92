"""What of an experiment only the experiment knows to be wrong: the figures it asserts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from fogbed.errors import Problem, SpecError
from fogbed.experiment.metric_names import METRICS
from fogbed.experiment.network_plans import plan_changes
from fogbed.plan.timeline import plan_timeline
from fogbed.spec import ResolvedExperiment
from fogbed.spec.document import read_document
from fogbed.spec.load import read_experiment
from fogbed.spec.part import Part
from fogbed.spec.resolve import resolve_document


def check_experiment(
    path: Path, *, testbed: Path | None = None, profile: Path | None = None
) -> ResolvedExperiment:
    """Read an experiment with all it refers to, and check the metrics it asserts.

    Raises:
        SpecError: every problem of every file.
        UsageError: what the profile or a network action asks for cannot be planned.
    """
    document = read_document(path)
    problems = list(_metric_problems(read_experiment(document).root))
    try:
        resolved = resolve_document(document, path, testbed=testbed, profile=profile)
    except SpecError as error:
        raise SpecError([*error.problems, *problems]) from error
    if problems:
        raise SpecError(problems)
    plan_changes(resolved, plan_timeline(resolved.experiment))
    return resolved


def _metric_problems(root: Part) -> Iterator[Problem]:
    for assertion in root["assert"].items():
        asked = assertion["metric"]
        if asked.text is None:
            continue
        metric = METRICS.get(asked.text)
        if metric is None:
            yield asked.problem(f"there is no metric {asked.text}", _suggest(asked.text))
        elif metric.scope == "operator" and not (metric.operator or assertion["operator"].text):
            yield asked.problem(
                f"{metric.name} is of one operator", "name it, as in `operator: nearest`"
            )


def _suggest(name: str) -> str:
    near = difflib.get_close_matches(name, METRICS, n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(METRICS)}"
