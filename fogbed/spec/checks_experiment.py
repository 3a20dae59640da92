"""What must fit together inside an experiment: a table of small rules over what could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fogbed.errors import Problem
from fogbed.spec.base import Spec
from fogbed.spec.checks_network import check_links
from fogbed.spec.experiment import ACTIONS, Phases, Workload
from fogbed.spec.fields import unknown_key
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part
from fogbed.spec.wording import suggest
from fogbed.units import format_duration, parse_duration_s, parse_ride_rate

_WAYS_OF_REPLAY = ("rate", "speedup", "steps", "unlimited")
_WAYS_OF_PLACING = ("node", "tier", "label")
_WAYS_OF_CHANGING = ("links", "profile", "restore")


def one_way_of_replay(experiment: Part) -> Iterator[Problem]:
    """Rides are replayed in one way."""
    replay = experiment["workload"]["replay"]
    if isinstance(replay.value, dict):
        way_out = "write rate: 5000/s, speedup: 600, steps: [[0s, 1000/s]] or unlimited: true"
        yield from _exactly_one(replay, _WAYS_OF_REPLAY, way_out)
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
        yield from _exactly_one(place, _WAYS_OF_PLACING, way_out)
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


def time_of_other_action(experiment: Part) -> Iterator[Problem]:
    """The time of an action that is not known is read all the same."""
    for action in experiment["scenario"].items():
        if action["do"].text in ACTIONS or not action["at"].is_given:
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


def one_network_change(experiment: Part) -> Iterator[Problem]:
    """A network action changes links, takes another profile or goes back."""
    way_out = "write links: [...], profile: PATH or restore: true"
    for action in _actions(experiment, "network"):
        yield from _exactly_one(action, _WAYS_OF_CHANGING, way_out)
        yield from check_links(action["links"])


def output_can_be_compared(experiment: Part) -> Iterator[Problem]:
    """Only committed files can be compared, and only with answers the job did not compute."""
    workload = experiment["workload"]
    sink, job = workload["sink"], job_of(workload)
    kind = sink.value if sink.is_given else _default(Workload, "sink")
    for output in (assertion["output"] for assertion in experiment["assert"].items()):
        if output.text == "complete" and kind != "files":
            what = f"output: complete needs the sink files, and it is {kind}"
            yield output.problem(what, "write sink: files in workload")
        if output.text == "complete" and job.oracle is None:
            what = f"nothing but the job itself computes what {job.name} answers"
            yield output.problem(what, "leave this assertion out")


def bounds_of_metric(experiment: Part) -> Iterator[Problem]:
    """A figure is judged by a bound at least, and by bounds that leave something between them."""
    for assertion in experiment["assert"].items():
        low, high = assertion["min"], assertion["max"]
        if not assertion["metric"].is_given:
            continue
        if not low.is_given and not high.is_given:
            yield assertion.problem("has neither min nor max", "write min: or max: or both")
        least, most = low.read(_number), high.read(_number)
        if least is not None and most is not None and least > most:
            yield low.problem(f"{low.value} is above max {high.value}", "swap them")


def measure_something(experiment: Part) -> Iterator[Problem]:
    """The measure phase has a length."""
    measure = experiment["phases"]["measure"]
    if measure.read(parse_duration_s) == 0:
        yield measure.problem("nothing would be measured", "write one like 60s")


def _actions(experiment: Part, do: str) -> Iterator[Part]:
    return (a for a in experiment["scenario"].items() if a["do"].text == do)


def _exactly_one(part: Part, ways: tuple[str, ...], way_out: str) -> Iterator[Problem]:
    given = [way for way in ways if part[way].is_given and part[way].value is not False]
    if not given:
        yield part.problem(f"has none of {', '.join(ways)}", way_out)
    if len(given) > 1:
        yield part.problem(f"has {' and '.join(given)} at once", "keep one of them")


def _default(model: type[Spec], field: str) -> object:
    return model.model_fields[field].default


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value} is not a number")


def _time(seconds: float) -> str:
    return format_duration(round(seconds, 6))


EXPERIMENT_CHECKS: tuple[Callable[[Part], Iterator[Problem]], ...] = (
    one_way_of_replay,
    steps_in_order,
    known_operators,
    one_way_of_placing,
    chain_in_one_thread,
    after_the_end,
    time_of_other_action,
    one_network_change,
    output_can_be_compared,
    bounds_of_metric,
    measure_something,
)
