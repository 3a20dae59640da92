"""Loading one file: read, expand, check every field, check what must fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from fogbed.errors import Problem, SpecError
from fogbed.spec.base import Spec
from fogbed.spec.checks_experiment import EXPERIMENT_CHECKS
from fogbed.spec.checks_network import PROFILE_CHECKS
from fogbed.spec.checks_testbed import TESTBED_CHECKS
from fogbed.spec.document import Document, parse_document, read_document
from fogbed.spec.experiment import Experiment
from fogbed.spec.fields import Loc, read_fields
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.part import Part
from fogbed.spec.ranges import expand_nodes
from fogbed.spec.testbed import Testbed
from fogbed.spec.traces import read_traces, with_traces
from fogbed.spec.view import TestbedView
from fogbed.spec.vocabulary import Vocabulary
from fogbed.spec.wording import did_you_mean, write_one_of

S = TypeVar("S", bound=Spec)

KINDS = ("Testbed", "NetworkProfile", "Experiment")


@dataclass(frozen=True, slots=True)
class Reading(Generic[S]):
    """What a file gave: its parts for cross-checks, its problems, its model if there are none."""

    root: Part
    model: S | None
    problems: list[Problem] = field(default_factory=list)
    view: TestbedView | None = None


def load_testbed(path: Path) -> Testbed:
    """Read a testbed, ranges expanded; SpecError with every problem of the file."""
    return sound(read_testbed(read_document(path)))


def parse_testbed(text: str, file: str) -> Testbed:
    """Read a testbed that stands, or is about to stand, in ``file``; SpecError as above."""
    return sound(read_testbed(parse_document(text, file)))


def load_profile(path: Path) -> NetworkProfile:
    """Read a network profile; SpecError with every problem of the file."""
    return sound(read_profile(read_document(path)))


def load_experiment(path: Path, vocabulary: Vocabulary) -> Experiment:
    """Read an experiment by itself, its references not followed; SpecError as above."""
    return sound(read_experiment(read_document(path), vocabulary))


def read_testbed(document: Document) -> Reading[Testbed]:
    """Read a testbed as far as it goes; SpecError where it is not one."""
    root = _root(document, "Testbed")
    nodes = expand_nodes(root["nodes"])
    origins = [part.place[1] for part in nodes.parts]

    def where(loc: Loc) -> Loc:
        if len(loc) > 1 and loc[0] == "nodes" and isinstance(loc[1], int):
            return ("nodes", origins[loc[1]], *loc[2:])
        return loc

    tree = document.tree
    if isinstance(tree, dict) and isinstance(tree.get("nodes"), list):
        tree = {**tree, "nodes": [part.value for part in nodes.parts]}
    model, wrong = read_fields(Testbed, document, tree, where)
    view = TestbedView(root, tuple(nodes.parts))
    found = [problem for check in TESTBED_CHECKS for problem in check(view)]
    problems = _merged(document, nodes.problems, wrong, found)
    return Reading(root, model, problems, view)


def read_profile(document: Document) -> Reading[NetworkProfile]:
    """Read a profile as far as it goes; SpecError where it is not one."""
    root = _root(document, "NetworkProfile")
    model, wrong = read_fields(NetworkProfile, document, document.tree, _same)
    found = [problem for check in PROFILE_CHECKS for problem in check(root)]
    traces, wrong_traces = read_traces(root["links"], Path(document.file).parent)
    problems = _merged(document, [], wrong, [*found, *wrong_traces])
    if model is not None and not problems:
        model = model.model_copy(update={"links": with_traces(model.links, traces)})
    return Reading(root, model, problems)


def read_experiment(document: Document, vocabulary: Vocabulary) -> Reading[Experiment]:
    """Read an experiment as far as it goes; SpecError where it is not one."""
    root = _root(document, "Experiment")
    model, wrong = read_fields(
        vocabulary.experiment, document, document.tree, _same, vocabulary=vocabulary
    )
    checks = (*EXPERIMENT_CHECKS, *vocabulary.checks)
    found = [problem for check in checks for problem in check(root)]
    return Reading(root, model, _merged(document, [], wrong, found))


def kind_of_spec(document: Document) -> str:
    """Return which of ``KINDS`` a document is, near misses included; SpecError if none."""
    root = Part(document, (), document.tree)
    kind = root["kind"].text
    if kind in KINDS:
        return str(kind)
    near = did_you_mean(kind or "", KINDS)
    if near:
        return near.removeprefix("did you mean ").removesuffix("?")
    what = "is missing" if not root["kind"].is_given else f"{root['kind'].value!r} is no kind"
    way_out = write_one_of(f"kind: {each}" for each in KINDS)
    raise SpecError([*document.problems, root["kind"].problem(what, way_out)])


def _root(document: Document, kind: str) -> Part:
    """Return the top of a document; SpecError if it says that it is of another kind."""
    root = Part(document, (), document.tree)
    given = root["kind"].text
    if given != kind and given in KINDS:
        raise SpecError([root["kind"].problem(f"is {given}, not {kind}", "name another file")])
    return root


def sound(reading: Reading[S]) -> S:
    """Return the model of a reading; SpecError with its problems if it has any."""
    if reading.problems or reading.model is None:
        raise SpecError(reading.problems)
    return reading.model


def _same(loc: Loc) -> Loc:
    return loc


def _merged(
    document: Document, ranges: Iterable[Problem], fields: Iterable[Problem], cross: list[Problem]
) -> list[Problem]:
    """Join the problems of a file; one line of nodes stands for many, its error counts once."""
    by_path: dict[tuple[int, str], Problem] = {}
    for problem in (*document.problems, *ranges, *fields):
        by_path.setdefault((problem.line, problem.path), problem)
    return list(_once([*by_path.values(), *cross]))


def _once(problems: Iterable[Problem]) -> Iterator[Problem]:
    yield from dict.fromkeys(problems)
