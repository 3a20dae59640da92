"""What an experiment says of its testbed: names, places and slots; a table of small rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fogbed.errors import Problem
from fogbed.spec.abilities import ABILITIES, abilities_named, platforms_with
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part
from fogbed.spec.slots import Demand, overloads, shared_slots
from fogbed.spec.view import TestbedView
from fogbed.spec.wording import suggest

_EVERY_ACTION = frozenset().union(*(each.actions for each in ABILITIES.values()))


def place_exists(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Every placement means at least one node that carries a TaskManager."""
    for _, place in experiment["workload"]["placement"].pairs():
        unknown = list(known_node(place["node"], testbed))
        yield from unknown
        if unknown or not _is_one_place(place):
            continue
        if next(testbed.matching(place), None) is None:
            what = f"no TaskManager is on {_in_words(place)}"
            yield place.problem(what, _places_there_are(testbed))


def enough_slots(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """The job fits into the slots at the start."""
    workload = experiment["workload"]
    asked = asked_parallelism(workload)
    yield from too_few_slots(workload["parallelism"], workload, asked, testbed)


def asked_parallelism(workload: Part) -> dict[str, int]:
    """Return the subtasks of each operator at the start; 1 where that cannot be read."""
    asked = workload["parallelism"]
    return {name: asked[name].whole or 1 for name in job_of(workload).operator_names}


def platform_that_can(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """The testbed's platform runs the job, shapes its network and can do every action."""
    platform = testbed.root["platform"].text
    abilities = abilities_named(platform)
    if abilities is None:
        return
    if "flink" not in abilities.services:
        others = " or ".join(platforms_with("flink"))
        what = f"platform {platform} runs no Flink in this version of fogbed"
        yield experiment["testbed"].problem(what, f"name a testbed of platform {others}")
        return
    for action in experiment["scenario"].items():
        asked = action["do"].text
        if asked in _EVERY_ACTION and asked not in abilities.actions:
            what = f"platform {platform} cannot do {asked} in this version of fogbed"
            yield action["do"].problem(what, f"write {', '.join(sorted(abilities.actions))}")


JOINT_CHECKS: tuple[Callable[[Part, TestbedView], Iterator[Problem]], ...] = (
    place_exists,
    enough_slots,
    platform_that_can,
)


def too_few_slots(
    at: Part, workload: Part, parallelism: Mapping[str, int], testbed: TestbedView
) -> Iterator[Problem]:
    """Yield the smallest set of groups that needs more slots than its nodes have together."""
    placement = workload["placement"]
    placed = [name for name in parallelism if _is_one_place(placement[name])]
    everywhere, offered = range(len(testbed.nodes)), list(map(testbed.slots, testbed.nodes))
    demands, names, places = list[Demand](), list[str](), list[str]()
    for group in shared_slots(parallelism, placed):
        place = placement[group.operators[0]]
        is_placed = group.operators[0] in placed
        hosts = frozenset(testbed.matching(place) if is_placed else everywhere)
        if hosts:
            demands.append(Demand(group.slots, hosts))
            names.append(", ".join(group.operators))
            places.append(_in_words(place) if is_placed else "the testbed")
    for some, more in overloads(demands, offered):
        needed = sum(demands[each].slots for each in some)
        who = " and ".join(names[each] for each in some)
        where = " and ".join(dict.fromkeys(places[each] for each in some))
        what = f"{who} need {needed} slots on {where}, where there are {needed - more:.0f}"
        yield at.problem(what, "write less, or more slots in the testbed")
        return


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


def known_node(named: Part, testbed: TestbedView) -> Iterator[Problem]:
    """A node that is named is one of the testbed's."""
    if named.text is not None and named.text not in testbed.names():
        what = f"there is no node {named.text} in {testbed.root.document.file}"
        yield named.problem(what, suggest(named.text, testbed.names()))
