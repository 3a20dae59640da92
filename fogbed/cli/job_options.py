"""The options of ``fogbed job`` that several verbs share, and what users write in them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from fogbed import links, platforms, units
from fogbed.cli import console
from fogbed.cli.console import LiveProgress
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.errors import FogbedError, ServiceAwayError, UsageError
from fogbed.plan.job import JobRequest
from fogbed.plan.long_links import plan_demand
from fogbed.plan.placement import Place
from fogbed.platforms.base import Platform
from fogbed.spec.base import TIERS
from fogbed.spec.experiment import Replay
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.testbed import Testbed
from fogbed.stream_job.shared_folders import SharedFolders
from fogbed.stream_job.storage import Storage

T = TypeVar("T")
OPERATORS = NEAREST_LANDMARK.operator_names

JobArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[JOB]", help="Id of the job, its beginning, or its name; else the only one."
    ),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="REST interface of any JobManager.", metavar="URL")
]
SavepointDirOption = Annotated[
    str | None,
    typer.Option(
        "--savepoint-dir",
        metavar="URI",
        help="Where savepoints go; else what the JobManager is configured with.",
    ),
]
RateOption = Annotated[str | None, typer.Option("--rate", help="Rides per second, as 5000/s.")]
SpeedupOption = Annotated[
    float | None, typer.Option("--speedup", help="Event time this many times as fast.")
]
StepsOption = Annotated[
    str | None, typer.Option("--steps", help="Rates over time, as 0s:1000/s,60s:4000/s.")
]
UnlimitedOption = Annotated[bool, typer.Option("--unlimited", help="As fast as it goes.")]
LoopOption = Annotated[bool, typer.Option("--loop", help="Begin again at the end, for ever.")]
ParallelismOption = Annotated[
    list[str] | None,
    typer.Option("--parallelism", "-p", metavar="OPERATOR=N", help="Subtasks; may be repeated."),
]
PlaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--place",
        metavar="OPERATOR=PLACE",
        # no label:KEY:VALUE here: rich draws ":key:" as a picture of a key
        help="Pin an operator: nearest=tier:fog, nearest=node:fog-1, nearest=label:zone:brussels; "
        "may be repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """The JobManager that the user means, and its platform where it is a testbed's."""

    flink: FlinkClient
    storage: Storage
    platform: Platform | None = None
    has_fixed_scheduler: bool = True
    testbed: Testbed | None = None


@contextmanager
def opened(url: str | None, testbed: str | None) -> Iterator[Target]:
    """Give the JobManager that the user means, with its connections closed afterwards.

    Raises:
        UsageError: both were given, or neither names one.
    """
    if url is not None and testbed is not None:
        raise UsageError("--url and --testbed name two JobManagers", hint="give one of them")
    if url is not None:
        if not re.match(r"https?://[^/\s]+", url):
            raise UsageError(f"{url!r} is not a URL", hint="write it as http://HOST:PORT")
        with FlinkClient(url) as flink:
            yield Target(flink, SharedFolders())
        return
    spec = platforms.find_testbed(testbed)
    platform = platforms.open_platform(spec)
    fixed = spec.services.flink.scheduler != "auto"
    with FlinkClient(platform.endpoints().flink) as flink:
        try:
            yield Target(flink, platform.storage(), platform, fixed, spec)
        except ServiceAwayError as error:
            # a connection that was forwarded is only seen to close
            if not (obstacle := platform.obstacle()):
                raise
            raise ServiceAwayError(error.message, hint=error.hint, details=obstacle) from error


def progress() -> LiveProgress:
    """Return where verbs that take their time report to."""
    return LiveProgress()


def parse_replay(
    *,
    rate: str | None,
    speedup: float | None,
    steps: str | None,
    unlimited: bool,
    loop: bool,
) -> Replay:
    """Return how rides are replayed; without any option 1000/s.

    Raises:
        UsageError: more than one way was given, or one cannot be read.
    """
    given = [
        name
        for name, value in (
            *(("--rate", rate), ("--speedup", speedup), ("--steps", steps)),
            ("--unlimited", unlimited or None),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", hint="give one of them")
    if speedup is not None and not 0 < speedup < math.inf:
        raise UsageError(f"--speedup {speedup:g} must be above 0")
    # the values are numbers by now, so the parsers of the YAML spellings are stepped over
    return Replay.model_construct(
        rate=_read("--rate", _parse_rate, rate or ("1000/s" if not given else None)),
        speedup=speedup,
        steps=_read("--steps", _parse_steps, steps),
        unlimited=unlimited,
        loop=loop,
    )


def parse_parallelism(given: Sequence[str] | None) -> dict[str, int]:
    """Return the subtasks of the operators that ``OPERATOR=N`` words name.

    Raises:
        UsageError: a word cannot be read.
    """
    wide: dict[str, int] = {}
    for word in given or ():
        operator, value = _operator_word("--parallelism", word)
        if not re.fullmatch(r"[1-9]\d{0,4}", value):
            raise UsageError(f"--parallelism {word}: {value!r} is not a number of subtasks")
        wide[operator] = int(value)
    return wide


def parse_placement(given: Sequence[str] | None) -> dict[str, Place]:
    """Return where operators are pinned from ``OPERATOR=PLACE`` words.

    Raises:
        UsageError: a word cannot be read.
    """
    found = {}
    for word in given or ():
        operator, value = _operator_word("--place", word)
        found[operator] = _parse_place(word, value)
    return found


def output_uri(output: str | None, sink: str, storage: Storage) -> str | None:
    """Return the folder for the ``files`` sink, as Flink reads it; else one that is in the storage.

    Raises:
        UsageError: it is missing, or given for a sink that writes no files, or the job's processes
            cannot write there.
    """
    if sink != "files":
        if output is not None:
            raise UsageError(f"--output is for --sink files, not for --sink {sink}")
        return None
    if output is None:
        if storage.shares_folders:
            raise UsageError("--sink files needs --output DIR")
        return storage.output_uri(Path(f"{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}-job"))
    scheme = re.match(r"([a-z][a-z0-9+]*):/", output)
    if scheme is None and not storage.shares_folders:
        raise UsageError(
            f"--output {output} is a folder of this computer, which the job's processes do not see",
            hint=f"leave --output out, or write {storage.output_uri(Path('NAME'))}",
        )
    if scheme is not None and scheme[1] in ("s3", "s3p"):
        raise UsageError(
            f"--output {output}: only the file system s3a commits a file exactly once",
            hint=f"write s3a{output.removeprefix(scheme[1])}",
        )
    return links.flink_uri(Path(output)) if scheme is None else links.spelled(output)


def fit_scheduler(target: Target, request: JobRequest) -> None:
    """Have a testbed's JobManager run with the scheduler that the request needs."""
    if target.platform is None:
        return
    if request.placement:
        target.platform.use_scheduler("default", progress())
    elif not target.has_fixed_scheduler:
        target.platform.use_scheduler("adaptive", progress())


def fit_links(target: Target, request: JobRequest) -> None:
    """Have a testbed's TaskManagers run with the buffers that job and network in force ask for.

    While another job runs they stay as they are.
    """
    platform, testbed = target.platform, target.testbed
    if platform is None or testbed is None or testbed.services.flink.long_links != "auto":
        return
    if any(job.state not in ENDED for job in target.flink.jobs()):
        return
    try:
        plan = platform.emulator().show()
    except FogbedError as error:
        console.note(f"long links: which network is in force is not known: {error.message}")
        return
    demand = plan_demand([plan], [request.parallelism], request.placement, testbed)
    if told := platform.use_links(demand, progress()):
        console.note(f"long links: {told}")


def _operator_word(option: str, word: str) -> tuple[str, str]:
    operator, equals, value = word.partition("=")
    if not equals or operator not in OPERATORS:
        raise UsageError(
            f"{option} {word}: write it as OPERATOR=VALUE",
            hint=f"operators: {', '.join(OPERATORS)}",
        )
    return operator, value


def _parse_place(word: str, value: str) -> Place:
    kind, _, name = value.partition(":")
    if kind == "node" and name:
        return Place(node=name)
    if kind == "tier" and name in TIERS:
        return Place(tier=name)
    key, colon, label = name.partition(":")
    if kind == "label" and key and colon and label:
        return Place(label=(key, label))
    raise UsageError(
        f"--place {word}: {value!r} is not a place",
        hint="write tier:cloud, tier:fog, tier:edge, node:NAME or label:KEY:VALUE",
    )


def _parse_rate(text: object) -> float:
    rate = units.parse_ride_rate(text)
    if rate == 0:
        raise ValueError("it replays nothing; write 1/s or more")
    return rate


def _parse_steps(text: object) -> tuple[tuple[float, float], ...]:
    steps = []
    for word in str(text).split(","):
        at, _, rate = word.partition(":")
        steps.append((units.parse_duration_s(at), units.parse_ride_rate(rate)))
    times = [at for at, _ in steps]
    if times[0] != 0 or any(later <= at for at, later in pairwise(times)):
        raise ValueError("the times of the steps must rise, from 0s on")
    return tuple(steps)


def _read(option: str, parse: Callable[[object], T], text: str | None) -> T | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error
