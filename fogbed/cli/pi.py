"""Options and questions of commands whose nodes are reached over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fogbed.cli import console
from fogbed.errors import FAILED, UsageError

if TYPE_CHECKING:
    from fogbed.platforms.pi.playbook import PlaybookOptions

LimitOption = Annotated[
    str | None,
    typer.Option(
        "--limit", metavar="NODES", help="On pi: only these nodes, as in pico-1,pico-2.",
        show_default=False,
    ),
]  # fmt: skip
TagsOption = Annotated[
    str | None,
    typer.Option(
        "--tags", metavar="TAGS", help="On pi: only these parts, as in containerd,cni.",
        show_default=False,
    ),
]  # fmt: skip
CheckOption = Annotated[
    bool, typer.Option("--check", help="On pi: ask every node what would change; change nothing.")
]
AskPasswordOption = Annotated[
    bool, typer.Option("--ask-become-pass", "-K", help="On pi: ask for sudo's password.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def read_options(
    *, limit: str | None = None, tags: str | None = None, check: bool = False, ask: bool = False
) -> PlaybookOptions:
    """Return what the options of a command ask for; sudo's password is asked for here.

    Raises:
        UsageError: an option is there and names nothing.
    """
    from fogbed.platforms.pi.playbook import PlaybookOptions

    return PlaybookOptions(
        limit=words_of("--limit", limit),
        tags=words_of("--tags", tags),
        check=check,
        become_password=ask_password() if ask else None,
    )


def ask_password() -> str:
    """Return sudo's password as somebody types it."""
    return console.ask_secret("sudo's password on the nodes")


def words_of(option: str, text: str | None) -> tuple[str, ...]:
    """Return what an option names; UsageError if it is there and names nothing."""
    if text is None:
        return ()
    words = tuple(word for word in text.split(",") if word)
    if not words:
        # a variable that is not set must not turn some nodes into all of them
        raise UsageError(f"{option} is empty", hint="name something, or leave it out for all")
    return words


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user agrees.

    Raises:
        UsageError: nobody is there to ask; the same without an answer.
        typer.Exit: the answer was no.
    """
    if yes:
        return
    if not console.can_ask():
        raise UsageError("nobody is there to ask; nothing was changed", hint="give --yes")
    if not typer.confirm(question, err=True):
        console.note("nothing was changed")
        raise typer.Exit(FAILED)
