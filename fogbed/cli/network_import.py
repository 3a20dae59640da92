"""``fogbed network import``: a profile from a matrix of RTTs between sites."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fogbed.cli import console
from fogbed.cli.options import JsonOption
from fogbed.errors import UsageError
from fogbed.files import write_whole
from fogbed.spec import dump_yaml
from fogbed.spec.rtt_matrix import Imported, import_matrix
from fogbed.units import format_delay

MatrixArgument = Annotated[
    Path,
    typer.Argument(metavar="MATRIX", help="CSV of RTTs in ms: square, or from,to,rtt_ms."),
]
MapOption = Annotated[
    Path, typer.Option("--map", metavar="FILE", help="YAML: the site of each tier or node.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Where to write it; else it is printed.",
        show_default=False,
    ),
]  # fmt: skip
NameOption = Annotated[
    str | None,
    typer.Option(help="The profile's name; else the file's.", show_default=False),
]


def import_profile(
    matrix: MatrixArgument,
    *,
    sites: MapOption,
    output: OutputOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a network profile from a matrix of RTTs between sites.

    What a profile adds comes on top of the bare network. Where the two entries of a pair differ,
    their mean is taken: an RTT is of both directions.
    """
    if output is not None and output.exists():
        raise UsageError(f"{output} is there already", hint="name another file with -o")
    plain = re.sub(r"[^a-z0-9]+", "-", (output or matrix).stem.lower()).strip("-")
    try:
        imported = import_matrix(matrix, sites, name=name or plain or "imported")
    except ValueError as error:
        raise UsageError(f"{name} is not a name", hint="as in --name europe") from error
    text = dump_yaml(imported.profile)
    if output is not None:
        write_whole(output, text)
    if as_json:
        console.say_json(_as_json(imported))
        return
    if output is None:
        console.say(text.rstrip("\n"))
    else:
        links = len(imported.profile.links)
        console.say(f"{output} has {links} link{'s' if links != 1 else ''}")
    for each in imported.averaged:
        there, back, rtt = map(format_delay, (each.there_ms, each.back_ms, each.rtt_ms))
        sites_text = " to ".join(each.sites)
        console.note(f"{sites_text}: {there}, and back {back}; {rtt} stands for both")


def _as_json(imported: Imported) -> dict[str, object]:
    links = [
        {"between": list(rule.between or ()), "rtt_ms": rule.rtt} for rule in imported.profile.links
    ]
    averaged = [asdict(each) for each in imported.averaged]
    return {"name": imported.profile.name, "links": links, "averaged": averaged}
