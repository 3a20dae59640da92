"""``up`` and ``down`` where nodes are reached over SSH: playbooks, questions, what was done."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.errors import FAILED, PlatformError, UsageError
from fogbed.spec.quorum import quorum_note

if TYPE_CHECKING:
    from fogbed.clients.ansible import PlaybookResult
    from fogbed.platforms.pi.playbook import PlaybookWish
    from fogbed.spec.testbed import Testbed

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
# What a purge takes beside the cluster, as lines for a user.
PURGED = (
    "  packages that fogbed installed (Kubernetes, containerd, Docker), with all images",
    "  and containers; files and units that it changed become what they were before",
)
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def read_wish(
    *, limit: str | None = None, tags: str | None = None, check: bool = False, ask: bool = False
) -> PlaybookWish:
    """Return what the options of a command ask for; sudo's password is asked for here.

    Raises:
        UsageError: an option is there and names nothing.
    """
    from fogbed.platforms.pi.playbook import PlaybookWish

    return PlaybookWish(
        limit=_words("--limit", limit),
        tags=_words("--tags", tags),
        check=check,
        become_password=console.ask_secret("sudo's password on the nodes") if ask else None,
    )


def _words(option: str, text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    words = tuple(word for word in text.split(",") if word)
    if not words:
        # a variable that is not set must not turn some nodes into all of them
        raise UsageError(f"{option} is empty", hint="name something, or leave it out for all")
    return words


def up(bed: Testbed, origin: Path | None, wish: PlaybookWish) -> None:
    """Make the cluster; say what changed."""
    from fogbed.cli.playbook_view import watched

    platform = platforms.open_pi(bed, origin)
    if (note := quorum_note(bed)) is not None:
        console.note(note)
    with watched() as view:
        result = platform.up(console.LiveProgress(), view, wish=wish)
    say_result(result)
    if wish.check:
        console.note(f"nothing was changed; what would be, line by line: {result.log}")


def down(
    bed: Testbed, wish: PlaybookWish, *, purge: bool, yes: bool, forget_silent: bool = False
) -> None:
    """Say what will be removed, ask, remove it."""
    from fogbed.cli import node_purge
    from fogbed.cli.playbook_view import watched

    for line in removal(bed, wish, purge=purge):
        console.note(line)
    if not wish.check:
        confirm(f"Remove all this from {bed.name}?", yes=yes)
    platform = platforms.open_pi(bed)
    with watched() as view:
        result = platform.down(
            console.LiveProgress(), view, purge=purge, wish=wish, forget_silent=forget_silent
        )
    if result is not None:
        say_result(result)
    if purge and not wish.limit:
        node_purge.purge_all(platform, wish, forget_silent=forget_silent)


def removal(bed: Testbed, wish: PlaybookWish, *, purge: bool) -> list[str]:
    """Return what ``down`` removes, as lines for a user."""
    names = wish.limit or [node.name for node in bed.nodes]
    lines = [
        f"On {', '.join(names)}:",
        "  the Kubernetes cluster: its pods, their volumes in emptyDir, etcd with all objects,",
        "  certificates, network interfaces and packet filter rules",
    ]
    if purge:
        lines += PURGED
    if not wish.limit:
        lines += _removed_earlier(bed, purge=purge)
        lines.append(f"On this computer: the context {bed.name} of kubectl")
    return lines


def _removed_earlier(bed: Testbed, *, purge: bool) -> list[str]:
    from fogbed.platforms.pi.removed import read_removed

    names = ", ".join(each.node.name for each in read_removed(bed))
    if not names:
        return []
    what = "are purged as well" if purge else "stay as they are, without --purge"
    return [f"Removed earlier, not purged: {names}; their machines {what}"]


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


def logs(bed: Testbed, node: str, *, lines: int, follow: bool) -> None:
    """Print the last lines of the journal that kubelet and containerd wrote on a node."""
    from fogbed.platforms.pi import ssh

    words = ["journalctl", "--no-pager", "-n", str(lines), "-u", "kubelet", "-u", "containerd"]
    with (
        platforms.open_pi(bed).channel(node, sudo=True).open([*words, *["-f"] * follow]) as program
    ):
        assert program.stdout is not None  # noqa: S101 - Channel.open gives pipes
        assert program.stderr is not None  # noqa: S101
        try:
            for line in program.stdout:
                console.say(line.decode(errors="replace").rstrip("\n"))
        finally:
            program.terminate()
        said = program.stderr.read().decode(errors="replace")
    if program.returncode not in (0, -signal.SIGTERM):
        meaning, hint = ssh.explain(said, node)
        raise PlatformError(f"the journal of {node} cannot be read: {meaning}", hint=hint)


def say_result(result: PlaybookResult) -> None:
    """Say what a playbook changed where, and how long it took."""
    done = f"{len(result.changed)} nodes, {sum(result.changed.values())} changes"
    console.note(f"{done}, {result.duration_s:.0f} s; log: {result.log}")


def refuse_options(platform: str, given: Mapping[str, bool]) -> None:
    """Return if no option is given that this platform does not have; UsageError with them all."""
    wrong: Sequence[str] = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(f"platform {platform} has no {', '.join(wrong)}")
