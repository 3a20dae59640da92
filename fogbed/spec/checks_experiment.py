"""What must fit together inside an experiment: a table of small rules over what could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fogbed.errors import Problem
from fogbed.spec.experiment import Phases
from fogbed.spec.fields import unknown_key
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part
from fogbed.spec.wording import suggest
from fogbed.units import format_duration, parse_duration_s, parse_ride_rate

_WAYS_OF_REPLAY = ("rate", "speedup", "steps", "unlimited")
_WAYS_OF_PLACING = ("node", "tier", "label")


def one_way_of_replay(experiment: Part) -> Iterator[Problem]:
    """Rides are replayed in one way."""
    replay = experiment["workload"]["replay"]
    if isinstance(replay.value, dict):
        way_out = "write rate: 5000/s, speedup: 600, steps: [[0s, 1000/s]] or unlimited: true"
        yield from exactly_one(replay, _WAYS_OF_REPLAY, way_out)
        if replay["rate"].read(parse_ride_rate) == 0:
            yield replay["rate"].problem("0/s replays nothing", "write 1/s or more")


def steps_in_order(experiment: Part) -> Iterator[Problem]:
    """Steps begin with the first ride and go on from there."""
    before: float | None = None
    for step in experiment["workload"]["replay"]["steps"].items():
        time = next((part.read(parse_duration_s) for part in step.items()), None)
        if time is None:
            continue
        if before is None and time != 0 and step.place[-1] == 0:
            yield step.problem("the first step is not at 0s", "write [0s, 1000/s] first")
        if before is not None and time <= before:
            what = f"{format_duration(time)} is not after {format_duration(before)}"
            yield step.problem(what, "write steps in the order of time")
        before = time


def known_operators(experiment: Part) -> Iterator[Problem]:
    """Operators are those of the job."""
    workload = experiment["workload"]
    known = job_of(workload).operator_names
    for mapping in (workload["parallelism"], workload["placement"]):
        for name, value in mapping.pairs():
            if name not in known and value.is_given:
                yield unknown_key(value.document, value.place, known)
    naming = (*experiment["scenario"].items(), *experiment["assert"].items())
    for named in (part["operator"] for part in naming):
        if named.text is not None and named.text not in known:
            yield named.problem(f"{named.text!r} is not allowed here", suggest(named.text, known))


def one_way_of_placing(experiment: Part) -> Iterator[Problem]:
    """An operator is placed by one thing."""
    way_out = "write {node: NAME}, {tier: edge} or {label: {KEY: VALUE}}"
    for _, place in experiment["workload"]["placement"].pairs():
        if not isinstance(place.value, dict):
            continue
        yield from exactly_one(place, _WAYS_OF_PLACING, way_out)
        if isinstance(place["label"].value, dict) and len(place["label"].value) != 1:
            yield place["label"].problem("is not one label", "write {KEY: VALUE}")


def chain_in_one_thread(experiment: Part) -> Iterator[Problem]:
    """Flink silently does not chain operators that differ in parallelism or place."""
    workload = experiment["workload"]
    if not workload["chaining"].is_true:
        return
    head, *others = chained = job_of(workload).chained
    parallelism = [workload["parallelism"][name] for name in chained]
    asked = {part.whole or 1 for part in parallelism if part.whole or not part.is_given}
    if len(asked) > 1:
        names = f"{', '.join(chained[:-1])} and {chained[-1]}"
        what = f"{names} differ in parallelism, so they cannot be chained"
        yield workload["parallelism"].problem(what, "write the same, or chaining: false")
    for name in others:
        place = workload["placement"][name]
        if place.is_given and place.value != workload["placement"][head].value:
            way_out = f"place {head} instead, or write chaining: false"
            yield place.problem(f"is chained to {head} and runs where {head} runs", way_out)


def after_the_end(experiment: Part) -> Iterator[Problem]:
    """Actions happen while the run lasts."""
    end = run_length(experiment)
    for action in experiment["scenario"].items():
        at = action["at"].read(parse_duration_s)
        if at is not None and end is not None and at >= end:
            what = f"{format_duration(at)} is not before the end of the run at {_time(end)}"
            yield action["at"].problem(what, "write an earlier time, or longer phases")


def time_of_every_action(experiment: Part) -> Iterator[Problem]:
    """The time of an action that is not known is read all the same."""
    for action in experiment["scenario"].items():
        if not action["at"].is_given:
            continue
        try:
            parse_duration_s(action["at"].value)
        except ValueError as error:
            what, _, way_out = str(error).partition("; ")
            yield action["at"].problem(what, way_out)


def run_length(experiment: Part) -> float | None:
    """Return the length of all phases in seconds; None where one cannot be read."""
    total = 0.0
    for name in Phases.model_fields:
        part = experiment["phases"][name]
        length = part.read(parse_duration_s) if part.is_given else getattr(Phases(), name)
        if length is None:
            return None
        total += length
    return total


def measure_something(experiment: Part) -> Iterator[Problem]:
    """The measure phase has a length."""
    measure = experiment["phases"]["measure"]
    if measure.read(parse_duration_s) == 0:
        yield measure.problem("nothing would be measured", "write one like 60s")


def actions_called(experiment: Part, do: str) -> Iterator[Part]:
    """Yield the actions of one kind, in the order of the file."""
    return (a for a in experiment["scenario"].items() if a["do"].text == do)


def exactly_one(part: Part, ways: tuple[str, ...], way_out: str) -> Iterator[Problem]:
    """One of the keys ``ways`` is given, and only one."""
    given = [way for way in ways if part[way].is_given and part[way].value is not False]
    if not given:
        yield part.problem(f"has none of {', '.join(ways)}", way_out)
    if len(given) > 1:
        yield part.problem(f"has {' and '.join(given)} at once", "keep one of them")


def _time(seconds: float) -> str:
    return format_duration(round(seconds, 6))


EXPERIMENT_CHECKS: tuple[Callable[[Part], Iterator[Problem]], ...] = (
    one_way_of_replay,
    steps_in_order,
    known_operators,
    one_way_of_placing,
    chain_in_one_thread,
    after_the_end,
    time_of_every_action,
    measure_something,
)
