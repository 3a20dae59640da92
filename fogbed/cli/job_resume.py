"""``fogbed job resume``: a job that was stopped goes on from its savepoint."""

from __future__ import annotations

from typing import Annotated

import typer

from fogbed.cli import job_options, job_shown
from fogbed.cli.job_options import ParallelismOption, PlaceOption, UrlOption, opened, progress
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.stream_job.flink import resume as resuming
from fogbed.stream_job.flink import submit


def resume(  # noqa: PLR0913 - one parameter per option
    savepoint: Annotated[
        str | None,
        typer.Argument(
            metavar="[SAVEPOINT]",
            help="Its URI, as stop and savepoint print it; else of the job that was stopped last.",
        ),
    ] = None,
    *,
    parallelism: ParallelismOption = None,
    place: PlaceOption = None,
    unplaced: Annotated[
        bool, typer.Option("--unplaced", help="Forget where operators were pinned before.")
    ] = False,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a stopped job from its savepoint, as it was but for what is given here."""
    wide = job_options.parse_parallelism(parallelism)
    placement = job_options.parse_placement(place)
    with opened(url, testbed) as target:
        flink = target.flink
        found = savepoint or resuming.last_savepoint(flink)
        before = resuming.read_request(target.storage, found)
        request = resuming.changed(
            before, parallelism=wide, placement=placement, is_unplaced=unplaced
        )
        submit.check_request(request)
        if dry_run:
            fits = not target.has_fixed_scheduler
            plan = submit.dry_run(flink, request, scheduler_fits=fits)
            job_shown.show_plan({"savepoint": found, **plan}, as_json=as_json)
            return
        resuming.require_alone(flink, request)
        resuming.await_fit(flink, request)
        job_options.fit_scheduler(target, request)
        job_options.fit_links(target, request)
        job = submit.submit(flink, request, savepoint=found, progress=progress())
        job_shown.show_job(job, as_json=as_json)
