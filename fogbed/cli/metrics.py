"""``fogbed metrics``: list, query and export figures, now or of a run."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import paths, platforms
from fogbed.cli import console
from fogbed.cli.options import JsonOption, TestbedOption
from fogbed.errors import FogbedError, UsageError

if TYPE_CHECKING:
    from fogbed.clients.prometheus_values import Window
    from fogbed.experiment.querying.when import Frame
    from fogbed.experiment.record.bundle import Bundle
    from fogbed.spec.testbed import Testbed

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, query and export figures, now or of a run.",
)

_MINUTES_BACK = 15
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's name, its beginning, its path, or last; else what is there now.",
        show_default=False,
    ),
]
RunsOption = Annotated[
    Path | None,
    typer.Option("--runs", metavar="FOLDER", help="Where runs are kept.", show_default="./runs"),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="One instant. Of a run, a duration counts from its first ride, else back from now; or "
        "a date with a time.",
        show_default=False,
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="A window's beginning, as --at.", show_default=False
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="A window's end, as --at.", show_default=False),
]
StepOption = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="DURATION",
        help="Between two values of a window; else one that suits it.",
        show_default=False,
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write every value as CSV.", show_default=False),
]
ParquetOption = Annotated[
    Path | None,
    typer.Option(
        "--parquet", metavar="FILE", help="Write every value as Parquet.", show_default=False
    ),
]


@app.command("list", epilog="Example: fogbed metrics list last")
def list_(
    run: RunArgument = None,
    *,
    testbed: TestbedOption = None,
    runs: RunsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the figures of fogbed with unit and meaning, and what Prometheus has beside them."""
    from fogbed.cli import metrics_shown

    bundle, frame = _meant(run, runs)
    scraped, place = _scraped(testbed, bundle, frame.window)
    metrics_shown.show_names(scraped, place, as_json=as_json)


@app.command(
    epilog="Example: fogbed metrics query 'fogbed_rtt_ms{source=\"fog-1\"}' last "
    "--from 10s --to 30s"
)
def query(  # noqa: PLR0913 - one parameter per option
    promql: Annotated[str, typer.Argument(metavar="PROMQL", help="What to ask.")],
    run: RunArgument = None,
    *,
    testbed: TestbedOption = None,
    runs: RunsOption = None,
    at: AtOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    step: StepOption = None,
    as_json: JsonOption = False,
    csv: CsvOption = None,
    parquet: ParquetOption = None,
) -> None:
    """Ask Prometheus over a run's window, or now; of a run that it lost, the bundle answers."""
    from fogbed.cli import metrics_shown
    from fogbed.experiment.querying.sources import open_answers
    from fogbed.experiment.querying.tables import frame_of, write_table
    from fogbed.experiment.querying.when import parse_when

    _require_two_files(csv, parquet)
    bundle, frame = _meant(run, runs)
    when = parse_when(frame, at=at, from_=from_, to=to, step=step, is_range=bundle is not None)
    asking = _told(when.requests)
    with open_answers(_testbed(testbed, bundle), bundle) as answers, asking:
        series = answers.query(promql, when)
        place = answers.place
    for path, suffix in ((csv, ".csv"), (parquet, ".parquet")):
        if path is not None:
            write_table(frame_of(series), path, suffix)
            console.note(f"{sum(len(each.samples) for each in series):,} values are in {path}")
    if as_json:
        console.say_json(metrics_shown.series_as_json(series))
    elif csv is None and parquet is None:
        metrics_shown.show_series(series, place, origin=frame.origin)


@app.command(epilog="Example: fogbed metrics export last --output figures.parquet")
def export(
    run: RunArgument = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .csv or .parquet file.")
    ],
    testbed: TestbedOption = None,
    runs: RunsOption = None,
) -> None:
    """Write every figure of a run (its bundle has them all), or of the last minutes, to a file."""
    from fogbed.cli import metrics_shown
    from fogbed.experiment.querying.sources import all_of_now, all_of_run
    from fogbed.experiment.querying.tables import long_frame_of, suffix_of, write_table

    suffix = suffix_of(output)
    bundle, frame = _meant(run, runs)
    if bundle is not None:
        series = all_of_run(bundle, frame.window)
    else:
        series = all_of_now(platforms.find_testbed(testbed), frame.window)
    write_table(long_frame_of(series), output, suffix)
    metrics_shown.show_written(series, output)


def _require_two_files(csv: Path | None, parquet: Path | None) -> None:
    if csv is not None and parquet is not None and csv.resolve() == parquet.resolve():
        raise UsageError(
            f"--csv and --parquet name one file, {csv}", hint="name a file for each of them"
        )


def _told(requests: int) -> AbstractContextManager[object]:
    """Say that it takes a while where one request does not do."""
    if requests == 1:
        return nullcontext()
    return console.LiveProgress().step(f"asking in {requests} parts")


def _meant(run: str | None, runs: Path | None) -> tuple[Bundle | None, Frame]:
    """Return the run that is meant, if one is, and what times count from."""
    from fogbed.experiment.querying.when import frame_of_now, frame_of_run
    from fogbed.experiment.record.bundle import find_run

    if run is None:
        return None, frame_of_now(time.time(), _MINUTES_BACK * 60)
    bundle = find_run(runs or paths.runs_dir(), run)
    return bundle, frame_of_run(bundle, time.time())


def _testbed(name: str | None, bundle: Bundle | None) -> Testbed:
    from fogbed.experiment.record.specs import testbed_of_run

    if bundle is None:
        return platforms.find_testbed(name)
    if name is not None:
        raise UsageError("a run has its own testbed", hint="leave out -t, or the run")
    return testbed_of_run(bundle)


def _scraped(
    testbed: str | None, bundle: Bundle | None, window: Window
) -> tuple[dict[str, str], str]:
    """Return the names beside fogbed's own, and where they are from; none where nobody says."""
    from fogbed.experiment.querying.sources import open_answers

    try:
        with open_answers(_testbed(testbed, bundle), bundle) as answers:
            return dict(answers.names(window)), answers.place
    except FogbedError as error:
        if testbed is not None or bundle is not None:
            raise
        # without a testbed that is up there is still what fogbed itself samples
        console.note(f"only fogbed's own: {error.message}")
        return {}, ""
