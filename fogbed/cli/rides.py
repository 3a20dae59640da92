"""``fogbed rides``: trip files become datasets, and datasets are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed.cli import console, rides_push
from fogbed.cli.options import JsonOption
from fogbed.errors import UsageError
from fogbed.stream_job.rides import datasets
from fogbed.stream_job.rides.datasets import Dataset, Manifest
from fogbed.stream_job.rides.notes import notes_of

if TYPE_CHECKING:
    from fogbed.stream_job.rides.describe import Description
    from fogbed.stream_job.rides.importing import ImportPlan
    from fogbed.stream_job.rides.sources import Source

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Real taxi rides: import trip files, list, describe and push datasets.",
)


@app.command(
    "import",
    epilog="Example: fogbed rides import 'yellow_tripdata_2015-*.csv' --name yellow-2015",
)
def import_(  # noqa: PLR0913 - one parameter per option
    sources: Annotated[
        list[str],
        typer.Argument(
            help="New York trip files, yellow, green or for-hire: CSV, Parquet, packed; or globs."
        ),
    ],
    *,
    name: Annotated[str, typer.Option("--name", help="What to call the dataset.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep bad rides, for the job's own parse to reject.")
    ] = False,
    utc: Annotated[
        bool, typer.Option("--utc", help="Times are UTC, or of no zone: convert them to New York.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a dataset of this name.")] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Keep a dataset without any usable ride.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read and written.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import trip files into a dataset: sorted by pickup time, every row accounted for.

    Rows that cannot be used go to rejects.parquet with their file, line and reason.
    """
    from fogbed.stream_job.rides import importing

    plan = importing.plan_import(
        sources, name=name, raw=raw, utc=utc, force=force, allow_empty=allow_empty
    )
    if dry_run:
        _show_plan(plan, as_json=as_json)
        return
    dataset = importing.import_rides(plan, console.LiveProgress())
    if as_json:
        console.say_json(_as_json(dataset))
        return
    _show_summary(dataset)


def _show_plan(plan: ImportPlan, *, as_json: bool) -> None:
    tables = [
        {
            "file": source.label,
            "packing": source.packing,
            "form": source.form,
            "places": "points" if source.layout.has_points else "zones",
            "columns": source.layout.names,
        }
        for source in plan.sources
    ]
    if as_json:
        console.say_json(
            {
                "name": plan.name,
                "folder": str(plan.folder),
                "sources": tables,
                "left_out": plan.left_out,
            }
        )
        return
    rows = [
        (source.label, _form(source), str(table["places"]), source.layout.names["pickup_time"])
        for source, table in zip(plan.sources, tables, strict=True)
    ]
    console.say_table(("file", "form", "places", "pickup time"), rows)
    for each in plan.left_out:
        console.say(f"left out: {each}")
    console.say(f"would {'replace' if plan.replaces else 'write'} {plan.folder}")


def _form(source: Source) -> str:
    return source.form if source.packing == "plain" else f"{source.form} in {source.packing}"


def _show_summary(dataset: Dataset) -> None:
    manifest = dataset.manifest
    console.say(
        f"{manifest.name}: {manifest.rides:,} rides of {manifest.rows_read:,} rows read, "
        f"{manifest.rejected:,} rejected"
    )
    _show_reasons(manifest)
    if manifest.rejected:
        console.say(f"rejects: {dataset.rejects_file}")
    console.say(f"pickups {manifest.first_pickup or '-'} to {manifest.last_pickup or '-'}")
    for note in notes_of(manifest):
        console.say(note)
    console.say(str(dataset.folder))


def _show_reasons(manifest: Manifest) -> None:
    rows = [(reason, f"{count:,}", "") for reason, count in manifest.rejected_by_reason.items()]
    kept = "kept for the job's parse"
    rows += [(reason, f"{count:,}", kept) for reason, count in manifest.kept_bad.items()]
    if rows:
        console.say_table(("reason", "rows", ""), rows)


def _as_json(dataset: Dataset) -> dict[str, object]:
    return {**dataset.manifest.model_dump(mode="json"), "folder": str(dataset.folder)}


@app.command("list", epilog="Example: fogbed rides list --json")
def show(*, as_json: JsonOption = False) -> None:
    """List the datasets: the built-in one and yours."""
    found, damaged = datasets.list_datasets()
    for each in damaged:
        console.note(f"not listed: {each.message}; {each.hint}")
    if as_json:
        console.say_json([_as_json(dataset) for dataset in found])
        return
    rows = [
        (d.name, f"{d.manifest.rides:,}", d.manifest.first_pickup, d.manifest.last_pickup, _kind(d))
        for d in found
    ]
    console.say_table(("name", "rides", "first pickup", "last pickup", "kind"), rows)


def _kind(dataset: Dataset) -> str:
    kinds = [kind for kind in ("point", "zone") if dataset.manifest.places.get(kind)]
    return " and ".join(f"{kind}s" for kind in kinds) + (", raw" if dataset.manifest.raw else "")


@app.command(epilog="Example: fogbed rides describe nyc-sample --png sample.png")
def describe(
    dataset: Annotated[str, typer.Argument(help="A dataset's name or folder.")],
    *,
    png: Annotated[
        Path | None, typer.Option("--png", help="Where the picture goes; default: ./NAME.png.")
    ] = None,
    landmarks: Annotated[
        str, typer.Option("--landmarks", help="Which landmarks to draw: a name or a CSV.")
    ] = "nyc-famous",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; draws only if --png is given.")
    ] = False,
) -> None:
    """Show a dataset's figures and draw it: pickups by hour, and on the map with landmarks."""
    from fogbed.stream_job.rides import describe as describing
    from fogbed.stream_job.rides import plot
    from fogbed.stream_job.rides.landmarks import find_landmarks

    if png is not None and (wrong := plot.path_problem(png)):
        raise UsageError(wrong)
    found = datasets.find_dataset(dataset)
    places = find_landmarks(landmarks)
    with console.LiveProgress().step(f"reading {found.name}"):
        description = describing.describe(found)
    target = png or (None if as_json else describing.default_picture(found))
    if target is not None:
        plot.draw(description, places, target)
    if as_json:
        console.say_json({**description.as_json(), "png": str(target) if target else None})
        return
    _show_description(description)
    console.say(f"picture: {target}")


def _show_description(description: Description) -> None:
    manifest = description.dataset.manifest
    box = manifest.box
    rows = [
        ("rides", f"{manifest.rides:,} ({description.usable:,} usable)"),
        ("rows read", f"{manifest.rows_read:,}, of which {manifest.rejected:,} rejected"),
        ("pickups", f"{manifest.first_pickup or '-'} to {manifest.last_pickup or '-'}"),
        ("days with rides", f"{description.days:,}"),
        ("median ride", f"{description.median_ride_s / 60:.1f} min"),
        ("places", ", ".join(f"{n:,} by {kind}" for kind, n in manifest.places.items() if n)),
        ("sources", "\n".join(source.path for source in manifest.sources)),
        ("folder", str(description.dataset.folder)),
    ]
    if box:
        corners = f"{box.west:.4f}..{box.east:.4f}, {box.south:.4f}..{box.north:.4f}"
        rows.insert(3, ("box", corners))
    console.say_table(("", manifest.name), rows)
    _show_reasons(manifest)
    if description.dataset.rejects_file.exists() and manifest.rejected:
        console.say(f"rejects: {description.dataset.rejects_file}")


app.command("push", epilog="Example: fogbed rides push nyc-sample -t pico --dry-run")(
    rides_push.push
)
