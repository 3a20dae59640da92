"""A job's request, and the program arguments that say the same to the jar.

The arguments are the request's only other form: Flink keeps them as the job's global parameters,
so that any process can read back what was asked of a running job (``parse_arguments``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fogbed.plan.placement import Place
from fogbed.plan.slots import SlotShare
from fogbed.spec.experiment import MAX_PARALLELISM, Replay
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

Sink = Literal["discard", "files", "print"]
_SINKS: dict[str, Sink] = {"discard": "discard", "files": "files", "print": "print"}

CHECKPOINT_INTERVAL_S = 1.0
BUFFER_TIMEOUT_MS = 5
"""Flink's default of 100 ms per hop would hide the delays that are emulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRides:
    """A dataset where a job's processes can read it: its prepared file and byte index, as URIs.

    ``rides`` is how many the file holds.
    """

    name: str
    rides_uri: str
    index_uri: str
    rides: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLandmarks:
    """A set of landmarks where a job's processes can read it: the URI of its CSV file."""

    name: str
    uri: str


def _one_each() -> dict[str, int]:
    return dict.fromkeys(NEAREST_LANDMARK.operator_names, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """Everything that decides what a job computes, how wide and where.

    ``parallelism`` gives subtasks per operator of ``job``, in order; ``placement`` where operators
    are pinned. ``output_uri`` is the folder of the ``files`` sink; URIs are as Flink's file systems
    read them. Every ride belongs to one of ``splits``, which is fixed for the life of the job and
    so bounds the parallelism of its source.
    """

    rides: PublishedRides
    landmarks: PublishedLandmarks
    replay: Replay
    parallelism: Mapping[str, int] = field(default_factory=_one_each)
    chaining: bool = False
    placement: Mapping[str, Place] = field(default_factory=dict)
    sink: Sink = "discard"
    output_uri: str | None = None
    job: JobDescription = NEAREST_LANDMARK
    name: str = NEAREST_LANDMARK.name
    max_parallelism: int = MAX_PARALLELISM
    splits: int = MAX_PARALLELISM
    checkpoint_interval_s: float = CHECKPOINT_INTERVAL_S
    buffer_timeout_ms: int = BUFFER_TIMEOUT_MS
    seed: int = 0


def request_problems(request: JobRequest) -> list[str]:
    """Return a sentence for each thing that no cluster could do; [] if there is none."""
    found = [
        f"parallelism of {operator} is {wide}; it must be from 1 to {request.max_parallelism}"
        for operator, wide in request.parallelism.items()
        if not 1 <= wide <= request.max_parallelism
    ]
    source, unit = request.job.source, request.job.charts.unit
    wide = request.parallelism[source]
    if request.splits < wide <= request.max_parallelism:
        parts = f"the {unit} are in {request.splits} parts"
        found.append(f"parallelism of {source} is {wide}, but {parts}")
    if request.sink == "files" and request.output_uri is None:
        found.append("sink files needs an output folder")
    return found + _chaining_problems(request)


def _chaining_problems(request: JobRequest) -> list[str]:
    if not request.chaining:
        return []
    found = []
    head, *others = chained = request.job.chained
    if len({request.parallelism[operator] for operator in chained}) > 1:
        found.append(f"chained operators ({', '.join(chained)}) need the same parallelism")
    found += [
        f"{operator} is placed, but chaining keeps it in one thread with {head}"
        for operator in others
        if request.placement.get(operator, request.placement.get(head))
        != request.placement.get(head)
    ]
    return found


def program_arguments(request: JobRequest, shares: Mapping[str, SlotShare]) -> list[str]:
    """Return the jar's arguments; ``shares`` has one entry per placed operator."""
    pairs = {
        "job": request.job.name,
        "name": request.name,
        "rides": request.rides.rides_uri,
        "index": request.rides.index_uri,
        "rides-count": str(request.rides.rides),
        "rides-name": request.rides.name,
        "landmarks": request.landmarks.uri,
        "landmarks-name": request.landmarks.name,
        **{f"parallelism.{op}": str(wide) for op, wide in request.parallelism.items()},
        "max-parallelism": str(request.max_parallelism),
        "splits": str(request.splits),
        "chaining": _claim(request.chaining),
        "sink": request.sink,
        "loop": _claim(request.replay.loop),
        "buffer-timeout-ms": str(request.buffer_timeout_ms),
        "checkpoint-interval-ms": str(round(request.checkpoint_interval_s * 1000)),
        "seed": str(request.seed),
        **_replay_pairs(request.replay),
        **{f"place.{op}": _place_text(place) for op, place in sorted(request.placement.items())},
        **{f"slot.{op}": _share_text(share) for op, share in sorted(shares.items())},
    }
    if request.output_uri is not None:
        pairs["output"] = request.output_uri
    return [word for key, value in pairs.items() for word in (f"--{key}", value)]


def parse_arguments(given: Mapping[str, str]) -> JobRequest:
    """Return the request that ``program_arguments`` wrote (keys without dashes).

    Raises:
        KeyError, ValueError: it is not a job of fogbed, or one of another version.
    """
    job = JOBS[given["job"]]
    return JobRequest(
        rides=PublishedRides(
            name=given["rides-name"],
            rides_uri=given["rides"],
            index_uri=given["index"],
            rides=int(given["rides-count"]),
        ),
        landmarks=PublishedLandmarks(name=given["landmarks-name"], uri=given["landmarks"]),
        replay=_parse_replay(given),
        parallelism={op: int(given[f"parallelism.{op}"]) for op in job.operator_names},
        chaining=given["chaining"] == "true",
        placement={
            op: _parse_place(given[f"place.{op}"])
            for op in job.operator_names
            if f"place.{op}" in given
        },
        sink=_SINKS[given["sink"]],
        output_uri=given.get("output"),
        job=job,
        name=given["name"],
        max_parallelism=int(given["max-parallelism"]),
        splits=int(given["splits"]),
        checkpoint_interval_s=int(given["checkpoint-interval-ms"]) / 1000,
        buffer_timeout_ms=int(given["buffer-timeout-ms"]),
        seed=int(given["seed"]),
    )


def _replay_pairs(replay: Replay) -> dict[str, str]:
    if replay.rate is not None:
        return {"rate": repr(float(replay.rate))}
    if replay.speedup is not None:
        return {"speedup": repr(float(replay.speedup))}
    if replay.steps is not None:
        steps = (f"{float(at)!r}:{float(rate)!r}" for at, rate in replay.steps)
        return {"steps": ",".join(steps)}
    return {"unlimited": "true"}


def _parse_replay(given: Mapping[str, str]) -> Replay:
    # the values are numbers already, so the parsers of the YAML spellings are stepped over
    loop = given["loop"] == "true"
    if "rate" in given:
        return Replay.model_construct(rate=float(given["rate"]), loop=loop)
    if "speedup" in given:
        return Replay.model_construct(speedup=float(given["speedup"]), loop=loop)
    if "steps" in given:
        steps = tuple(_parse_step(step) for step in given["steps"].split(","))
        return Replay.model_construct(steps=steps, loop=loop)
    return Replay.model_construct(unlimited=True, loop=loop)


def _parse_step(text: str) -> tuple[float, float]:
    at, _, rate = text.partition(":")
    return float(at), float(rate)


def _place_text(place: Place) -> str:
    if place.label is not None:
        return f"label={place.label[0]}={place.label[1]}"
    return f"node={place.node}" if place.node is not None else f"tier={place.tier}"


def _parse_place(text: str) -> Place:
    kind, _, rest = text.partition("=")
    if kind == "label":
        key, _, value = rest.partition("=")
        return Place(label=(key, value))
    return Place(node=rest) if kind == "node" else Place(tier=rest)


def _share_text(share: SlotShare) -> str:
    text = f"resource={share.resource},cpu={share.cpu:.4f},heap={share.heap}"
    return f"{text},managed={share.managed}" if share.managed else text


def _claim(value: bool) -> str:  # noqa: FBT001 - a formatter of one value
    return "true" if value else "false"
