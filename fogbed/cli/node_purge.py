"""Machines of nodes that were removed earlier and not purged: given back as they were found."""

from __future__ import annotations

from fogbed.cli import console, pi
from fogbed.errors import UsageError
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.removal import PURGED
from fogbed.platforms.pi.removed import RemovedNode, read_removed
from fogbed.spec.testbed import Testbed


def removed_node(bed: Testbed, name: str) -> RemovedNode | None:
    """Return the node of that name that was removed and not purged."""
    return next((each for each in read_removed(bed) if each.node.name == name), None)


def refuse_again(name: str) -> UsageError:
    """Return why a node that was removed cannot be removed once more."""
    return UsageError(
        f"{name} is removed already; its machine is not purged",
        hint=f"fogbed node remove {name} --purge gives it back as it was found",
    )


def purge(
    platform: PiPlatform, removed: RemovedNode, *, ask: bool, yes: bool, dry_run: bool
) -> None:
    """Say what goes from the machine of a node that was removed, ask, give it back."""
    name = removed.node.name
    tell = console.say if dry_run else console.note
    for line in removal(removed):
        tell(line)
    if dry_run:
        return
    pi.confirm(f"Purge the machine of {name}?", yes=yes)
    platform.purge_removed(removed, console.LiveProgress(), options=pi.read_options(ask=ask))


def removal(removed: RemovedNode) -> list[str]:
    """Return what is taken from the machine of a node that was removed, as lines for a user."""
    node = removed.node
    return [f"On {node.name} ({node.address}), removed earlier:", *PURGED]
