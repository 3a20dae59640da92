"""``fogbed experiment``: check, run, list, show and report experiments."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fogbed import paths
from fogbed.cli import console, experiment_shown
from fogbed.cli.live import open_view
from fogbed.cli.named import testbed_file
from fogbed.cli.options import DryRunOption, JsonLinesOption, JsonOption
from fogbed.errors import AssertionsFailed
from fogbed.experiment.checks import check_experiment
from fogbed.experiment.record.bundle import find_run, list_runs
from fogbed.spec import ResolvedExperiment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Check, run, list, show and report experiments.",
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="An experiment's file.")]
TestbedOption = Annotated[
    Path | None,
    typer.Option(
        "--testbed",
        "-t",
        metavar="FILE|NAME",
        help="Run on this testbed instead of the file's.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Begin with this network instead of the file's.",
        show_default=False,
    ),
]
RunsOption = Annotated[
    Path | None,
    typer.Option("--runs", metavar="FOLDER", help="Where runs are kept.", show_default="./runs"),
]
RunArgument = Annotated[
    str, typer.Argument(metavar="[RUN]", help="A run's name, its beginning, its path, or last.")
]


@app.command(epilog="Example: fogbed experiment check experiments/demo.yml")
def check(
    file: FileArgument,
    *,
    testbed: TestbedOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check an experiment with all it refers to; nothing is touched."""
    resolved = check_experiment(file, testbed=testbed_file(testbed), profile=profile)
    if as_json:
        console.say_json(experiment_shown.plan_as_json(resolved))
    else:
        console.say(f"{file}: experiment {resolved.experiment.name} is valid")
        experiment_shown.show_left_out(resolved)


@app.command(
    epilog="Example: fogbed experiment run experiments/demo.yml "
    "--profile experiments/profiles/metro.yml; exit code 3 when an assertion does not hold"
)
def run(  # noqa: PLR0913 - one parameter per option
    file: FileArgument,
    *,
    testbed: TestbedOption = None,
    profile: ProfileOption = None,
    runs: RunsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonLinesOption = False,
) -> None:
    """Run an experiment to its verdict and report; what it brings up, it removes."""
    if not dry_run:
        require_places(runs)
    resolved = check_experiment(file, testbed=testbed_file(testbed), profile=profile)
    words: list[str | Path] = ["fogbed", "experiment", "run", file]
    words += [] if testbed is None else ["--testbed", testbed]
    words += [] if profile is None else ["--profile", profile]
    if dry_run:
        experiment_shown.show_plan(resolved, as_json=as_json)
        return
    carry_out(resolved, runs=runs, as_json=as_json, command=shlex.join(map(str, words)))


@app.command("list", epilog="Example: fogbed experiment list --runs runs")
def list_(*, runs: RunsOption = None, as_json: JsonOption = False) -> None:
    """List the runs there are, with their verdicts."""
    found = list_runs(runs or paths.runs_dir())
    experiment_shown.show_runs(found, as_json=as_json)


@app.command(epilog="Example: fogbed experiment show last")
def show(
    run: RunArgument = "last", *, runs: RunsOption = None, as_json: JsonOption = False
) -> None:
    """Show a run's verdict, figures and actions."""
    bundle = find_run(runs or paths.runs_dir(), run)
    if as_json:
        console.say_json({**bundle.verdict(), "actions": bundle.events("action")})
    else:
        experiment_shown.show_run(bundle)


@app.command(epilog="Example: fogbed experiment report last")
def report(run: RunArgument = "last", *, runs: RunsOption = None) -> None:
    """Write a run's report.html anew and print its path."""
    from fogbed.experiment.report.page import write_report

    console.say(str(write_report(find_run(runs or paths.runs_dir(), run).folder)))


def require_places(runs: Path | None) -> None:
    """Raise UsageError, with a line for each, if a folder that a run writes into cannot be."""
    paths.require_writable(runs or paths.runs_dir(), paths.state_dir(), paths.cache_dir())


def carry_out(
    resolved: ResolvedExperiment, *, runs: Path | None, as_json: bool, command: str
) -> None:
    """Run an experiment under the live view, and show what it came to.

    Raises:
        AssertionsFailed: it ran, and an assertion does not hold, or none was judged (exit code 3).
    """
    from fogbed import platforms
    from fogbed.experiment.runner import run_experiment

    with open_view(as_json=as_json) as view:
        result = run_experiment(
            resolved,
            platforms.open_platform(resolved.testbed),
            runs_dir=runs or paths.runs_dir(),
            progress=view.progress,
            observer=view,
            command=command,
        )
    for bundle in result.bundles if not as_json else ():
        experiment_shown.show_run(bundle)
    _require_passed([verdict["status"] for verdict in result.verdicts], str(result.folder))


def _require_passed(statuses: Sequence[str], folder: str) -> None:
    bad = [status for status in statuses if status != "passed"]
    if not bad:
        return
    what = "no assertion could be judged"
    if bad != ["not judged"] * len(bad):
        what = "the run is invalid" if "invalid" in bad else "an assertion does not hold"
    of = f" in {len(bad)} of {len(statuses)} repetitions" if len(statuses) > 1 else ""
    raise AssertionsFailed(
        f"{what}{of}", hint=f"`fogbed experiment show {shlex.quote(folder)}` says which"
    )
