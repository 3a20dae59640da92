"""``fogbed watch``: a job's figures, live in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.console import Rows
from fogbed.cli.options import JsonLinesOption, TestbedOption

if TYPE_CHECKING:
    from fogbed.clients.flink import FlinkClient
    from fogbed.experiment.events import JobFigures
    from fogbed.experiment.watching import WatchedJob
    from fogbed.platforms.measuring import Source

Show = Callable[[float, "JobFigures"], None]

# where there is no terminal, a line of figures every so many seconds
_PLAIN_EVERY_S = 5.0
# a JobManager that is silent keeps the nodes' figures waiting no longer, in seconds
_TIMEOUT_S = 5.0
# rates are of two looks
_LOOKS_OF_ONCE = 2


def watch(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]", help="A job's id, its beginning, or its name; else the only one."
        ),
    ] = None,
    *,
    testbed: TestbedOption = None,
    once: Annotated[bool, typer.Option("--once", help="Show the figures once, and end.")] = False,
    as_json: JsonLinesOption = False,
) -> None:
    """Watch a running job until it ends, or Ctrl-C. Example: fogbed watch -t laptop --once.

    Rates, latency and backlog; how busy each operator is; processor and memory per node. The job
    is only looked at: a run under way is not disturbed, and no Prometheus is needed.
    """
    try:
        _watch(job, testbed, once=once, as_json=as_json)
    except KeyboardInterrupt:
        # how one ends this command: nothing was broken off
        console.note("no longer watched")
    except BrokenPipeError:
        console.nobody_reads()


def _watch(job: str | None, testbed: str | None, *, once: bool, as_json: bool) -> None:
    from fogbed.clients.flink import FlinkClient

    spec = platforms.find_testbed(testbed)
    platform = platforms.open_platform(spec)
    with FlinkClient(platform.endpoints().flink, timeout_s=_TIMEOUT_S) as flink:
        watched = _job(flink, job, once=once)
        _tell_what_is_unknown(watched)
        title = f"{watched.name} on {spec.name}"
        _look(flink, watched, platform.samples(), title=title, once=once, as_json=as_json)


def _job(flink: FlinkClient, wanted: str | None, *, once: bool) -> WatchedJob:
    from fogbed.experiment.clock import SystemClock
    from fogbed.experiment.watching import await_job, running_job

    if once:
        return running_job(flink, wanted)

    def waits(why: str) -> None:
        console.note(f"{why}: waiting for one (Ctrl-C ends)")

    return await_job(flink, wanted, SystemClock(), waits)


def _tell_what_is_unknown(job: WatchedJob) -> None:
    if job.described is None:
        console.note(f"{job.name} is no job of fogbed's: only what it costs can be seen")


def _look(  # noqa: PLR0913 - what is looked at, and how it is shown; by keyword
    flink: FlinkClient,
    job: WatchedJob,
    sources: Sequence[Source],
    *,
    title: str,
    once: bool,
    as_json: bool,
) -> None:
    from fogbed.experiment.clock import SystemClock
    from fogbed.experiment.watching import JobWatch

    with _shown(title, once=once, as_json=as_json) as (show, told):
        looks = _Looks(show, once=once)
        watching = JobWatch(flink, job, sources, SystemClock(), seen=looks.seen, told=told)
        ended = watching.until_it_ends(_LOOKS_OF_ONCE if once else None)
    if ended:
        console.note(f"{job.name} has ended: {ended}")


class _Looks:
    """Shows every look, or the last one alone."""

    def __init__(self, show: Show, *, once: bool) -> None:
        self._show = show
        self._left = _LOOKS_OF_ONCE if once else 1

    def seen(self, time: float, figures: JobFigures) -> None:
        """Show the figures of a second."""
        self._left -= 1
        if self._left <= 0:
            self._show(time, figures)


@contextmanager
def _shown(
    title: str, *, once: bool, as_json: bool
) -> Iterator[tuple[Show, Callable[[str], None]]]:
    """Give how figures are shown and what is said between them, as the place allows it."""
    if as_json:
        yield _json_line, console.note
    elif once:
        yield lambda time, figures: _whole(title, time, figures), console.note
    elif not console.is_terminal():
        yield _PlainLines().show, console.note
    else:
        with closing(console.LiveTable()) as area:
            area.open()
            yield lambda time, figures: _redraw(area, title, time, figures), area.note


def _json_line(time: float, figures: JobFigures) -> None:
    console.say_json_line({"event": "sample", "time": time, **asdict(figures)})


def _whole(title: str, time: float, figures: JobFigures) -> None:
    from fogbed.cli.live import job_lines, tables_of

    console.say(f"{title} at {_clock(time)}")
    if figures.operators:
        console.say(", ".join(f"{name} {value}" for name, value in job_lines(figures)))
    for table in tables_of(figures):
        if table.rows:
            console.say_table(table.columns, table.rows)


def _redraw(area: console.LiveTable, title: str, time: float, figures: JobFigures) -> None:
    from fogbed.cli.live import job_lines, tables_of

    lines = job_lines(figures) if figures.operators else []
    area.update(f"{title}  {_clock(time)}", lines, tables_of(figures))


class _PlainLines:
    """A few lines every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, time: float, figures: JobFigures) -> None:
        """Print the figures when it is time."""
        from fogbed.cli.live import job_lines, tables_of

        if time < self._next:
            return
        job = [", ".join(f"{name} {value}" for name, value in job_lines(figures))]
        tables = [_in_a_line(table) for table in tables_of(figures) if table.rows]
        for line in [*(job if figures.operators else []), *tables]:
            console.pass_on(f"{_clock(time)}  {line}")
            self._next = time + _PLAIN_EVERY_S


def _in_a_line(table: Rows) -> str:
    rows = [
        " ".join(
            [row[0], *(f"{n} {v}" for n, v in zip(table.columns[1:], row[1:], strict=True) if v)]
        )
        for row in table.rows
    ]
    return "; ".join(rows)


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).astimezone().strftime("%H:%M:%S")
