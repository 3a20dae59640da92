"""Nodes that were removed and not purged: what is needed to reach them, kept until they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from pydantic import TypeAdapter, ValidationError

from fogbed.errors import PlatformError
from fogbed.files import write_whole
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.reach import ssh
from fogbed.spec.testbed import Node, Ssh, Testbed


@dataclass(frozen=True, slots=True)
class RemovedNode:
    """A node that is in no cluster any more, whose machine still has what fogbed installed."""

    node: Node
    ssh: Ssh

    def alone(self, testbed: Testbed) -> Testbed:
        """Return a testbed of this node only, reached as it was when it was removed."""
        worker = self.node.model_copy(update={"role": "worker"})
        return testbed.model_copy(update={"nodes": (worker,), "ssh": self.ssh})


# of a node whose machine was replaced, so that what is put behind it has room in a host's name
_LONGEST_NAME = 50

_KEPT = TypeAdapter(tuple[RemovedNode, ...])


def read_removed(testbed: Testbed) -> tuple[RemovedNode, ...]:
    """Return the nodes that were removed and not purged, but none that the testbed has again.

    A machine is had again by its name, or by its address under another name.

    Raises:
        PlatformError: what was kept of them cannot be read.
    """
    path = PiFolder(testbed.name).removed
    try:
        kept = _KEPT.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise PlatformError(
            f"{path} does not say which nodes were removed and not purged",
            details=str(error),
            hint="somebody has changed it; remove it if no such machine is left",
        ) from error
    names = {node.name for node in testbed.nodes}
    addresses = {node.address for node in testbed.nodes}
    return tuple(
        each for each in kept if each.node.name not in names and each.node.address not in addresses
    )


def remember(testbed: Testbed, node: Node) -> None:
    """Keep what is needed to reach a node that has left ``testbed``, until it is purged."""
    if testbed.ssh is None:
        return
    kept = [each for each in read_removed(testbed) if each.node.name != node.name]
    _write(testbed, [*kept, RemovedNode(node, ssh.located(testbed.ssh))])


def remember_replaced(testbed: Testbed, node: Node) -> str:
    """Keep the machine that ``node`` was until another took its place; return its name from now on.

    The node's own name is the new machine's.
    """
    kept = {each.node.name: each.node.address for each in read_removed(testbed)}
    first = f"{node.name[:_LONGEST_NAME]}-replaced"
    names = chain([first], (f"{first}-{number}" for number in count(2)))
    taken = {each.name for each in testbed.nodes}
    name = next(
        name for name in names if name not in taken and kept.get(name) in (None, node.address)
    )
    remember(testbed, node.model_copy(update={"name": name}))
    return name


def forget(testbed: Testbed, name: str) -> None:
    """Forget a node that was purged, or given up; and those that the testbed has again."""
    _write(testbed, [each for each in read_removed(testbed) if each.node.name != name])


def forget_returned(testbed: Testbed) -> None:
    """Forget those that the testbed has again: they are purged with it."""
    if PiFolder(testbed.name).removed.exists():
        _write(testbed, read_removed(testbed))


def _write(testbed: Testbed, kept: Sequence[RemovedNode]) -> None:
    folder = PiFolder(testbed.name)
    if not kept:
        folder.removed.unlink(missing_ok=True)
        return
    folder.make()
    write_whole(folder.removed, _KEPT.dump_json(tuple(kept), indent=2).decode())
