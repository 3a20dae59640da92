"""``fogbed demo``: the laptop experiment, end to end, with a report at the end."""

from __future__ import annotations

from pathlib import Path

import typer

from fogbed import paths
from fogbed.cli import experiment_shown
from fogbed.cli.experiment import RunsOption, carry_out, require_places
from fogbed.cli.options import DryRunOption, JsonLinesOption
from fogbed.errors import PlatformError
from fogbed.experiment.checks import check_experiment
from fogbed.platforms import preflight

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: fogbed demo --dry-run; exit code 3 when an assertion does not hold")
def demo(
    *,
    runs: RunsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonLinesOption = False,
) -> None:
    """Replay real rides through real Flink over an emulated city network, and report.

    Four nodes on this computer: rides enter at two edges, their nearest landmarks are found in the
    fog, results arrive in the cloud. In the middle the road to the fog becomes ten times as long,
    later the search gets a second subtask; the end is a verdict and a report.
    """
    if not dry_run:
        require_places(runs)
    resolved = check_experiment(paths.asset("experiments", "demo.yml"))
    if dry_run:
        experiment_shown.show_plan(resolved, as_json=as_json)
        return
    require_able(runs or paths.runs_dir())
    carry_out(resolved, runs=runs, as_json=as_json, command="fogbed demo")


def require_able(place: Path) -> None:
    """Raise PlatformError, with every fix, if this computer cannot run a laptop testbed."""
    missing = [
        check for check in preflight.run_checks(place=place) if check.blocks and not check.ok
    ]
    if missing:
        raise PlatformError(
            "this computer cannot run the demo as it is",
            details="\n".join(preflight.describe(check) for check in missing),
            hint="`fogbed doctor` shows every check",
        )
