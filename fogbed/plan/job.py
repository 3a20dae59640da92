"""A job's request, and the program arguments that say the same to the jar.

The arguments are the request's only other form: Flink keeps them as the job's global parameters,
so that any process can read back what was asked of a running job (``parse_arguments``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from fogbed import spelling
from fogbed.plan.placement import Place
from fogbed.plan.slots import SlotShare
from fogbed.spec.experiment import MAX_PARALLELISM, Replay
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

Sink = Literal["discard", "files", "print"]
Search = Literal["landmarks", "identity"]
_SINKS: dict[str, Sink] = {"discard": "discard", "files": "files", "print": "print"}


class Counted(Protocol):
    """What a job needs of a dataset's manifest."""

    @property
    def rides(self) -> int:
        """How many rides the prepared file holds."""

    @property
    def usable(self) -> int:
        """How many of them the job will answer."""


class RidesInput(Protocol):
    """What a job needs of a dataset: a prepared file, its byte index and its count."""

    @property
    def name(self) -> str:
        """The dataset's name."""

    @property
    def rides_file(self) -> Path:
        """The prepared CSV file."""

    @property
    def index_file(self) -> Path:
        """The byte index beside it."""

    @property
    def manifest(self) -> Counted:
        """Its counts."""


class LandmarksInput(Protocol):
    """What a job needs of a set of landmarks."""

    @property
    def name(self) -> str:
        """The set's name."""

    @property
    def path(self) -> Path:
        """Its CSV file."""


@dataclass(frozen=True, slots=True)
class RideCount:
    """How many rides a file holds."""

    rides: int

    @property
    def usable(self) -> int:
        """As many: the job was accepted, so it has some."""
        return self.rides


@dataclass(frozen=True, slots=True, kw_only=True)
class RidesFile:
    """A dataset as a running job names it."""

    name: str
    rides_file: Path
    index_file: Path
    manifest: RideCount


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarksFile:
    """A set of landmarks as a running job names it."""

    name: str
    path: Path


def _one_each() -> dict[str, int]:
    return dict.fromkeys(NEAREST_LANDMARK.operator_names, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """Everything that decides what a job computes, how wide and where.

    ``parallelism`` gives subtasks per operator of ``job``, in order; ``placement`` where operators
    are pinned. ``output`` is the folder of the ``files`` sink. Every ride belongs to one of
    ``splits``, which is fixed for the life of the job and so bounds the parallelism of its source.
    """

    rides: RidesInput
    landmarks: LandmarksInput
    replay: Replay
    parallelism: Mapping[str, int] = field(default_factory=_one_each)
    chaining: bool = False
    placement: Mapping[str, Place] = field(default_factory=dict)
    sink: Sink = "discard"
    output: Path | None = None
    job: JobDescription = NEAREST_LANDMARK
    name: str = NEAREST_LANDMARK.name
    max_parallelism: int = MAX_PARALLELISM
    splits: int = MAX_PARALLELISM
    checkpoint_interval_s: float = 1.0
    buffer_timeout_ms: int = 5
    nearest: Search = "landmarks"
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
    if request.sink == "files" and request.output is None:
        found.append("sink files needs an output folder")
    if request.rides.manifest.usable < 1:
        found.append(f"dataset {request.rides.name} has no usable ride; choose another")
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
    """Return the jar's arguments; ``shares`` has one entry per placed operator.

    Raises:
        ValueError: Flink cannot name the output folder as it is (``fogbed.links`` can).
    """
    pairs = {
        "job": request.job.name,
        "name": request.name,
        "rides": spelling.text_of(request.rides.rides_file),
        "index": spelling.text_of(request.rides.index_file),
        "rides-count": str(request.rides.manifest.rides),
        "rides-name": request.rides.name,
        "landmarks": spelling.text_of(request.landmarks.path),
        "landmarks-name": request.landmarks.name,
        **{f"parallelism.{op}": str(wide) for op, wide in request.parallelism.items()},
        "max-parallelism": str(request.max_parallelism),
        "splits": str(request.splits),
        "chaining": _claim(request.chaining),
        "sink": request.sink,
        "loop": _claim(request.replay.loop),
        "buffer-timeout-ms": str(request.buffer_timeout_ms),
        "checkpoint-interval-ms": str(round(request.checkpoint_interval_s * 1000)),
        "nearest": request.nearest,
        "seed": str(request.seed),
        **_replay_pairs(request.replay),
        **{f"place.{op}": _place_text(place) for op, place in sorted(request.placement.items())},
        **{f"slot.{op}": _share_text(share) for op, share in sorted(shares.items())},
    }
    if request.output is not None:
        pairs["output"] = spelling.flink_uri(request.output.absolute())
    return [word for key, value in pairs.items() for word in (f"--{key}", value)]


def parse_arguments(given: Mapping[str, str]) -> JobRequest:
    """Return the request that ``program_arguments`` wrote (keys without dashes).

    Raises:
        KeyError, ValueError: it is not a job of fogbed, or one of another version.
    """
    output, job = given.get("output"), JOBS[given["job"]]
    return JobRequest(
        rides=RidesFile(
            name=given["rides-name"],
            rides_file=spelling.path_from(given["rides"]),
            index_file=spelling.path_from(given["index"]),
            manifest=RideCount(int(given["rides-count"])),
        ),
        landmarks=LandmarksFile(
            name=given["landmarks-name"], path=spelling.path_from(given["landmarks"])
        ),
        replay=_parse_replay(given),
        parallelism={op: int(given[f"parallelism.{op}"]) for op in job.operator_names},
        chaining=given["chaining"] == "true",
        placement={
            op: _parse_place(given[f"place.{op}"])
            for op in job.operator_names
            if f"place.{op}" in given
        },
        sink=_SINKS[given["sink"]],
        output=spelling.path_of(output) if output else None,
        job=job,
        name=given["name"],
        max_parallelism=int(given["max-parallelism"]),
        splits=int(given["splits"]),
        checkpoint_interval_s=int(given["checkpoint-interval-ms"]) / 1000,
        buffer_timeout_ms=int(given["buffer-timeout-ms"]),
        nearest="identity" if given["nearest"] == "identity" else "landmarks",
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
