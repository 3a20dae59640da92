"""What an experiment says of its testbed: names, places and slots; a table of small rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from fogbed.errors import Problem
from fogbed.spec.checks_network import check_ends
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView
from fogbed.spec.wording import suggest
from fogbed.units import parse_duration_s


def ends_of_actions(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Links of network actions end at nodes and tiers of the testbed."""
    for action in experiment["scenario"].items():
        yield from check_ends(action["links"], testbed)


def node_of_exec(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Programs run on nodes of the testbed."""
    for action in experiment["scenario"].items():
        yield from _known(action["node"], testbed)


def place_exists(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Every placement means at least one node that carries a TaskManager."""
    for _, place in experiment["workload"]["placement"].pairs():
        unknown = list(_known(place["node"], testbed))
        yield from unknown
        if unknown or not _is_one_place(place):
            continue
        if next(testbed.matching(place), None) is None:
            what = f"no TaskManager is on {_in_words(place)}"
            yield place.problem(what, _places_there_are(testbed))


def enough_slots(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """The job fits into the slots, at the start and after every rescale, in the order of time."""
    workload = experiment["workload"]
    asked = workload["parallelism"]
    parallelism = {name: asked[name].whole or 1 for name in job_of(workload).operator_names}
    yield from _too_few(workload["parallelism"], workload, parallelism, testbed)
    rescales = [a for a in experiment["scenario"].items() if a["do"].text == "rescale"]
    for action in sorted(rescales, key=lambda a: a["at"].read(parse_duration_s) or 0.0):
        operator, wanted = action["operator"].text, action["parallelism"].whole
        if operator in parallelism and wanted is not None:
            parallelism[operator] = wanted
            yield from _too_few(action["parallelism"], workload, parallelism, testbed)


JOINT_CHECKS: tuple[Callable[[Part, TestbedView], Iterator[Problem]], ...] = (
    ends_of_actions,
    node_of_exec,
    place_exists,
    enough_slots,
)


@dataclass(frozen=True, slots=True)
class _Group:
    """Operators that share slots, how many they need and on which nodes (by index)."""

    operators: tuple[str, ...]
    needed: int
    nodes: frozenset[int]
    where: str


def _too_few(
    at: Part, workload: Part, parallelism: Mapping[str, int], testbed: TestbedView
) -> Iterator[Problem]:
    """Yield the smallest set of groups that needs more slots than its nodes have together.

    By Hall's theorem there is such a set exactly when the groups cannot all be given their slots.
    """
    groups = [g for g in _groups(workload, parallelism, testbed) if g.nodes]
    for count in range(1, len(groups) + 1):
        for some in combinations(groups, count):
            needed = sum(group.needed for group in some)
            nodes = frozenset[int]().union(*(group.nodes for group in some))
            offered = sum(testbed.slots(testbed.nodes[index]) for index in nodes)
            if needed > offered:
                names = " and ".join(", ".join(group.operators) for group in some)
                where = " and ".join(dict.fromkeys(group.where for group in some))
                what = f"{names} need {needed} slots on {where}, where there are {offered:.0f}"
                yield at.problem(what, "write less, or more slots in the testbed")
                return


def _groups(
    workload: Part, parallelism: Mapping[str, int], testbed: TestbedView
) -> Iterator[_Group]:
    """Yield the slot-sharing groups: an operator without a placement shares its upstream's."""
    placement, members = workload["placement"], list[str]()
    everywhere = frozenset(range(len(testbed.nodes)))
    nodes, where = everywhere, "the testbed"
    for name in job_of(workload).operator_names:
        place = placement[name]
        if _is_one_place(place):
            if members:
                yield _group(members, parallelism, nodes, where)
            members = []
            nodes, where = frozenset(testbed.matching(place)), _in_words(place)
        members.append(name)
    yield _group(members, parallelism, nodes, where)


def _group(
    members: list[str], parallelism: Mapping[str, int], nodes: frozenset[int], where: str
) -> _Group:
    needed = max(parallelism[name] for name in members)
    return _Group(tuple(members), needed, nodes, where)


def _is_one_place(place: Part) -> bool:
    given = [place[way] for way in ("node", "tier", "label") if place[way].is_given]
    return len(given) == 1 and (not isinstance(given[0].value, dict) or len(given[0].value) == 1)


def _in_words(place: Part) -> str:
    for way in ("node", "tier"):
        if place[way].is_given:
            return f"{way} {place[way].value}"
    pairs = ", ".join(f"{key}={value.value}" for key, value in place["label"].pairs())
    return f"label {pairs}"


def _places_there_are(testbed: TestbedView) -> str:
    nodes = [node for node in testbed.nodes if testbed.slots(node) > 0]
    tiers = dict.fromkeys(str(node["tier"].text) for node in nodes)
    labels = dict.fromkeys(
        f"{key}={value.value}" for node in nodes for key, value in node["labels"].pairs()
    )
    found = f"there are tiers {', '.join(tiers)}"
    return f"{found} and labels {', '.join(labels)}" if labels else found


def _known(named: Part, testbed: TestbedView) -> Iterator[Problem]:
    if named.text is not None and named.text not in testbed.names():
        what = f"there is no node {named.text} in {testbed.root.document.file}"
        yield named.problem(what, suggest(named.text, testbed.names()))
