"""The options that nouns share: spelled and explained alike everywhere."""

from __future__ import annotations

from typing import Annotated, Any

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


# typer vendors click, so neither a command nor a parameter has a public type
def show_flags_as_flags(command: Any) -> None:  # noqa: ANN401
    """Leave the type out of a flag's line in the help of a command and of its verbs.

    typer writes ``<bool>`` behind each, as if ``--json true`` were to be typed.
    """
    own = command.get_params

    def get_params(ctx: Any) -> Any:  # noqa: ANN401
        return without_types(own(ctx))

    command.get_params = get_params
    for verb in getattr(command, "commands", {}).values():
        show_flags_as_flags(verb)


def without_types(params: Any) -> Any:  # noqa: ANN401
    """Return the parameters, the flags among them without a type to show."""
    for each in params:
        if getattr(each, "is_flag", False):
            each.display_type_rich = _no_type
    return params


def _no_type(ctx: Any) -> None:  # noqa: ANN401
    """Stand where typer asks a parameter for its type; a flag has none to show."""
    del ctx
