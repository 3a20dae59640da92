"""``fogbed check``: validate spec files, all problems of all files at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fogbed import spec
from fogbed.cli import console
from fogbed.errors import SpecError, UsageError
from fogbed.experiment.checks import check_experiment
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.spec import CheckedFile

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: fogbed check inventory/laptop.yml experiments/demo.yml; "
    "for editors: fogbed check --schema experiment > experiment.schema.json"
)
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Testbeds, network profiles, experiments.", show_default=False),
    ] = None,
    *,
    schema: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Print the JSON Schema of testbed, networkprofile or experiment instead.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Validate spec files, an experiment with all it refers to and what it replays."""
    if schema is not None:
        console.say_json(spec.json_schema(schema, REPERTOIRE))
        return
    if not files:
        way_out = "name one or more: fogbed check testbed.yml"
        raise UsageError("there is no file to check", hint=way_out)
    checked = spec.check_files(files, REPERTOIRE, more=check_experiment)
    if as_json:
        _show_json(checked)
    else:
        _show(checked)


def _show(checked: tuple[CheckedFile, ...]) -> None:
    for each in checked:
        if not each.problems:
            console.say(f"{each.file}: {each.kind} {each.name} is valid")
        for note in each.notes:
            console.note(f"{each.file}: {note}")
    problems = dict.fromkeys(problem for each in checked for problem in each.problems)
    if problems:
        raise SpecError(list(problems))


def _show_json(checked: tuple[CheckedFile, ...]) -> None:
    valid = not any(each.problems for each in checked)
    console.say_json({"valid": valid, "files": [asdict(each) for each in checked]})
    if not valid:
        raise typer.Exit(SpecError.exit_code)
