"""Machines of nodes that were removed earlier and not purged: given back as they were found."""

from __future__ import annotations

from fogbed.cli import console, pi
from fogbed.cli.playbook_view import watched
from fogbed.errors import UsageError
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookWish
from fogbed.platforms.pi.reach import silent_nodes, told
from fogbed.platforms.pi.removed import RemovedNode, forget, read_removed
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
    _purge(platform, removed, pi.read_wish(ask=ask))


def removal(removed: RemovedNode) -> list[str]:
    """Return what is taken from the machine of a node that was removed, as lines for a user."""
    node = removed.node
    return [f"On {node.name} ({node.address}), removed earlier:", *pi.PURGED]


def purge_all(platform: PiPlatform, wish: PlaybookWish, *, forget_silent: bool) -> None:
    """Give back every machine that was left so; one that does not answer is named, and left."""
    for removed in read_removed(platform.testbed):
        name = removed.node.name
        silent = silent_nodes(removed.alone(platform.testbed), [name])
        if not silent:
            _purge(platform, removed, wish)
            continue
        console.note(told(silent))
        if forget_silent:
            forget(platform.testbed, name)
        else:
            console.note(
                f"{name} was left as it is; when it answers: fogbed node remove {name} --purge"
            )


def _purge(platform: PiPlatform, removed: RemovedNode, wish: PlaybookWish) -> None:
    with watched() as view:
        result = platform.purge_removed(removed, view, wish=wish)
    pi.say_result(result)
    console.note(f"{removed.node.name} is given back as it was found")
