"""What of an experiment its file alone does not tell: rides and landmarks there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fogbed.errors import FogbedError, Problem, SpecError
from fogbed.experiment.network_plans import plan_changes, timeline_of
from fogbed.experiment.repertoire import REPERTOIRE, Repertoire
from fogbed.spec import ResolvedExperiment
from fogbed.spec.document import read_document
from fogbed.spec.load import read_experiment
from fogbed.spec.part import Part
from fogbed.spec.resolve import data_path, resolve_document
from fogbed.stream_job.rides import builtin as builtin_rides
from fogbed.stream_job.rides import datasets


def check_experiment(
    path: Path,
    *,
    testbed: Path | None = None,
    profile: Path | None = None,
    repertoire: Repertoire = REPERTOIRE,
) -> ResolvedExperiment:
    """Read an experiment with all it refers to, and check what it replays.

    Raises:
        SpecError: every problem of every file.
        UsageError: what the profile or a network action asks for cannot be planned.
    """
    document = read_document(path)
    root = read_experiment(document, repertoire).root
    problems = list(_data_problems(root["workload"], path))
    try:
        resolved = resolve_document(document, path, repertoire, testbed=testbed, profile=profile)
    except SpecError as error:
        raise SpecError([*error.problems, *problems]) from error
    if problems:
        raise SpecError(problems)
    plan_changes(resolved, timeline_of(resolved, repertoire), repertoire)
    return resolved


def _data_problems(workload: Part, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with rides and landmarks; a path that leads nowhere is told elsewhere."""
    rides, landmarks = workload["rides"], workload["landmarks"]
    # what is built in is sound, and looking at it would unpack it
    if rides.text and rides.text not in builtin_rides.NAMES:
        yield from _found_or_not(rides, path, datasets.find_usable)
    if landmarks.text:
        from fogbed.stream_job.rides.landmarks import find_landmarks  # noqa: PLC0415 - with NumPy

        yield from _found_or_not(landmarks, path, find_landmarks)


def _found_or_not(
    asked: Part, experiment: Path, find: Callable[[str], object]
) -> Iterator[Problem]:
    own = data_path(asked.text or "", experiment)
    if own is not None and not own.exists():
        return
    try:
        find(str(own.absolute() if own else asked.text))
    except SpecError as error:
        yield from error.problems
    except FogbedError as error:
        yield asked.problem(error.message, error.hint or "")
