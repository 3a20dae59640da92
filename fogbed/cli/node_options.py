"""What the verbs of ``fogbed node`` share: a node as arguments, a playbook with its end said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from fogbed.cli import console
from fogbed.clients.ansible import PlaybookResult
from fogbed.errors import UsageError
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookOptions, told_result

NodeArgument = Annotated[
    str, typer.Argument(metavar="NODE", help="The node's name.", show_default=False)
]
AddressOption = Annotated[
    str, typer.Option("--address", "-a", help="Its IPv4 address.", show_default=False)
]
TierOption = Annotated[str, typer.Option("--tier", help="cloud, fog or edge.")]
RoleOption = Annotated[str, typer.Option("--role", help="worker or control-plane.")]
SlotsOption = Annotated[
    int | None,
    typer.Option("--slots", help="Task slots of its TaskManager.", show_default=False),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="As often as needed.", show_default=False),
]


def read_labels(given: Sequence[str]) -> dict[str, str]:
    """Return labels by key; UsageError with all that are none."""
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise UsageError(f"not a label: {', '.join(wrong)}", hint="write it like zone=brussels")
    return {key: value for key, _, value in (text.partition("=") for text in given)}


def play(
    platform: PiPlatform,
    name: str,
    options: PlaybookOptions,
    variables: Mapping[str, object] | None = None,
) -> PlaybookResult:
    """Run a playbook, shown as it happens; say how it ended."""
    result = platform.play(name, console.LiveProgress(), options=options, variables=variables)
    console.note(told_result(result))
    return result
