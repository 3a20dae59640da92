"""``fogbed job``: the stream job, from its sources to its last savepoint."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fogbed.cli import console, job_options, job_resume, job_shown
from fogbed.cli.job_options import (
    OPERATORS,
    JobArgument,
    LoopOption,
    ParallelismOption,
    PlaceOption,
    RateOption,
    SavepointDirOption,
    SpeedupOption,
    StepsOption,
    UnlimitedOption,
    UrlOption,
    opened,
    progress,
)
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import build, rescale, resume, stop, submit
from fogbed.stream_job.flink.status import find_job, job_status
from fogbed.stream_job.flink.submit import JobRequest
from fogbed.stream_job.rides import datasets, landmarks

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Build, submit, list, rescale, save and stop jobs.",
)


@app.command("build", epilog="Example: fogbed job build")
def build_(*, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Build the job's jar from its sources; needs a JDK 17 or later, which nothing else does."""
    jar = build.jar_path()
    if not dry_run:
        with progress().step("compiling the job"):
            jar = build.build_jar()
    console.say_json({"jar": str(jar)}) if as_json else console.say(str(jar))


@app.command("submit", epilog="Example: fogbed job submit --rate 5000/s --loop -p nearest=2")
def submit_(  # noqa: PLR0913 - one parameter per option
    *,
    rides: Annotated[str, typer.Option(help="Dataset, by name or folder.")] = "nyc-sample",
    landmark_set: Annotated[
        str, typer.Option("--landmarks", help="Landmarks, by name or CSV file.")
    ] = "nyc-famous",
    rate: RateOption = None,
    speedup: SpeedupOption = None,
    steps: StepsOption = None,
    unlimited: UnlimitedOption = False,
    loop: LoopOption = False,
    parallelism: ParallelismOption = None,
    place: PlaceOption = None,
    chaining: Annotated[bool, typer.Option("--chaining", help="One thread from parse on.")] = False,
    sink: Annotated[
        Literal["discard", "files", "print"], typer.Option(help="Where answers go.")
    ] = "discard",
    output: Annotated[
        str | None,
        typer.Option(metavar="DIR|URI", help="Folder for --sink files; on a cluster one is made."),
    ] = None,
    name: Annotated[str, typer.Option(help="The job's name.")] = NEAREST_LANDMARK.name,
    savepoint: Annotated[str | None, typer.Option(help="URI of a savepoint to go on from.")] = None,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Submit the nearest-landmark job and wait until it runs where it was asked to."""
    dataset, chosen = datasets.find_usable(rides), landmarks.find_landmarks(landmark_set)
    replay = job_options.parse_replay(
        rate=rate, speedup=speedup, steps=steps, unlimited=unlimited, loop=loop
    )
    wide = {**dict.fromkeys(OPERATORS, 1), **job_options.parse_parallelism(parallelism)}
    placement = job_options.parse_placement(place)
    with opened(url, testbed) as target:
        storage = target.storage
        request = JobRequest(
            rides=storage.publish(dataset, dry_run=True),
            landmarks=storage.publish_landmarks(chosen, dry_run=True),
            replay=replay,
            parallelism=wide,
            placement=placement,
            chaining=chaining,
            sink=sink,
            output_uri=job_options.output_uri(output, sink, storage),
            name=name,
        )
        submit.check_request(request)
        if dry_run:
            fits = not target.has_fixed_scheduler
            plan = submit.dry_run(target.flink, request, scheduler_fits=fits)
            job_shown.show_plan(plan, as_json=as_json)
            return
        # first: what cannot run must cost neither a JobManager its start nor a dataset its way
        submit.check_fit(target.flink, request)
        job_options.fit_scheduler(target, request)
        job_options.fit_links(target, request)
        storage.publish(dataset)
        storage.publish_landmarks(chosen)
        job = submit.submit(target.flink, request, savepoint=savepoint, progress=progress())
        job_shown.show_job(job, as_json=as_json)


@app.command("list", epilog="Example: fogbed job list --url http://127.0.0.1:8081")
def list_(
    *, url: UrlOption = None, testbed: TestbedOption = None, as_json: JsonOption = False
) -> None:
    """List every job the JobManager remembers."""
    with opened(url, testbed) as target:
        job_shown.show_jobs(target.flink.jobs(), as_json=as_json)


@app.command(epilog="Example: fogbed job status -t laptop")
def status(
    job: JobArgument = None,
    *,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where every subtask of a job runs, how wide it is, and how many rides passed."""
    with opened(url, testbed) as target:
        flink = target.flink
        job_id = find_job(flink, job)
        job_shown.show_status(job_status(flink, job_id), as_json=as_json)


@app.command("rescale", epilog="Example: fogbed job rescale nearest 2 -t laptop")
def rescale_(  # noqa: PLR0913 - one parameter per option
    operator: Annotated[
        str, typer.Argument(help=f"{', '.join(OPERATORS[:-1])} or {OPERATORS[-1]}.")
    ],
    parallelism: Annotated[int, typer.Argument(min=1, help="Its new number of subtasks.")],
    job: JobArgument = None,
    *,
    savepoint_dir: SavepointDirOption = None,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change an operator's parallelism, wait until that is true, and print a stopwatch."""
    with opened(url, testbed) as target:
        flink = target.flink
        running = submit.recover(flink, find_job(flink, job))
        if dry_run:
            plan = rescale.dry_run(flink, running, operator, parallelism)
            job_shown.show_plan(plan, as_json=as_json)
            return
        done = rescale.rescale(
            flink,
            running,
            operator,
            parallelism,
            savepoint_dir=stop.savepoint_folder(flink, savepoint_dir),
            progress=progress(),
        )
        job_shown.show_rescaled(done, as_json=as_json)


@app.command(epilog="Example: fogbed job savepoint --savepoint-dir file:///tmp/savepoints")
def savepoint(  # noqa: PLR0913 - one parameter per option
    job: JobArgument = None,
    *,
    savepoint_dir: SavepointDirOption = None,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a savepoint of a job that goes on."""
    with opened(url, testbed) as target:
        flink = target.flink
        job_id = find_job(flink, job)
        folder = stop.savepoint_folder(flink, savepoint_dir)
        if dry_run:
            job_shown.show_plan({"job": job_id, "savepoint_dir": folder}, as_json=as_json)
            return
        running = submit.recover(flink, job_id)
        with progress().step("taking a savepoint"):
            location = stop.save(flink, job_id, savepoint_dir=folder)
        job_shown.note_unnoted(
            resume.leave_request(target.storage, location, running.request), location
        )
        shown = {"job": job_id, "savepoint": location}
        console.say_json(shown) if as_json else console.say(location)


@app.command("stop", epilog="Example: fogbed job stop -t laptop")
def stop_(  # noqa: PLR0913 - one parameter per option
    job: JobArgument = None,
    *,
    savepoint_dir: SavepointDirOption = None,
    url: UrlOption = None,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a job with a savepoint, its output committed, and say how far its source was."""
    with opened(url, testbed) as target:
        flink = target.flink
        running = submit.recover(flink, find_job(flink, job))
        folder = stop.savepoint_folder(flink, savepoint_dir)
        if dry_run:
            plan = {"job": running.job_id, "savepoint_dir": folder}
            job_shown.show_plan(plan, as_json=as_json)
            return
        with progress().step("stopping the job with a savepoint"):
            stopped = stop.stop_with_savepoint(
                flink, running, savepoint_dir=folder, storage=target.storage
            )
        job_shown.show_stopped(stopped, as_json=as_json)


app.command("resume", epilog="Example: fogbed job resume -p nearest=3 -t laptop")(job_resume.resume)
