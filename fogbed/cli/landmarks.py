"""``fogbed landmarks``: the sets of landmarks."""

from __future__ import annotations

from typing import Annotated

import typer

from fogbed.cli import console
from fogbed.cli.options import JsonOption
from fogbed.stream_job.rides import landmarks

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The places that rides are matched with.",
)


@app.callback()
def _noun() -> None:
    """Keep the verb in the command although there is only one."""


@app.command(
    "list", epilog="Example: fogbed landmarks list --json, or: fogbed landmarks list my.csv"
)
def show(
    source: Annotated[
        str | None, typer.Argument(help="A set's name or a CSV (name,lat,lon): its places.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the built-in sets, or the places of one set."""
    if source is not None:
        _show_places(landmarks.find_landmarks(source), as_json=as_json)
        return
    sets = landmarks.list_landmarks()
    if as_json:
        console.say_json(
            [{"name": s.name, "landmarks": len(s.names), "path": str(s.path)} for s in sets]
        )
        return
    rows = [(s.name, str(len(s.names)), landmarks.BUILT_IN[s.name]) for s in sets]
    console.say_table(("name", "landmarks", "what"), rows)


def _show_places(found: landmarks.Landmarks, *, as_json: bool) -> None:
    places = list(
        zip(found.names, found.latitudes.tolist(), found.longitudes.tolist(), strict=True)
    )
    if as_json:
        console.say_json([{"name": n, "lat": lat, "lon": lon} for n, lat, lon in places])
        return
    console.say_table(("name", "lat", "lon"), [(n, f"{a:.4f}", f"{o:.4f}") for n, a, o in places])
