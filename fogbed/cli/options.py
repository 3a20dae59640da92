"""The options that nouns share: spelled and explained alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TestbedOption = Annotated[
    str | None,
    typer.Option(
        "--testbed",
        "-t",
        metavar="FILE|NAME",
        help="The testbed; else ./testbed.yml, else the only one that is up.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--json", help="Print every event and figure as a line of JSON.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do not.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Write one file each there.", show_default=False
    ),
]
FolderCheckOption = Annotated[
    bool, typer.Option("--check", help="Compare with FOLDER; exit 1 where they differ.")
]
