"""Container images on the nodes of a testbed: sent by a playbook, listed from containerd."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from fogbed.clients.images import Collected, Transfer
from fogbed.clients.progress import Overheard, Progress
from fogbed.errors import CommandError, PlatformError
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookOptions, require_nodes
from fogbed.platforms.pi.reach import ssh
from fogbed.platforms.pi.reach.answers import silent_nodes, told
from fogbed.platforms.pi.reach.refusals import explain
from fogbed.spec.testbed import Testbed

_TIMEOUT_S = 60.0
_AT_ONCE = 32
_CHECK = ("ctr", "-n", "k8s.io", "images", "check", 'labels."fogbed.io/pushed"==true')


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeImage:
    """A pushed image on a node. ``is_usable``: every blob is there, and it is unpacked."""

    name: str
    digest: str
    is_usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeImages:
    """What a node said. ``problem``: why it said nothing."""

    node: str
    images: tuple[NodeImage, ...] = ()
    problem: str = ""


def push(
    platform: PiPlatform,
    collected: Collected,
    progress: Progress,
    *,
    options: PlaybookOptions,
) -> Transfer:
    """Bring images to the nodes and return what had to be sent.

    Raises:
        PlatformError: it failed somewhere; nodes keep what they have got, and a second push sends
            the rest.
    """
    transfer = Transfer(collected)
    testbed = platform.testbed
    names = list(options.limit) or [node.name for node in testbed.nodes]
    require_nodes(testbed, names)
    silent = silent_nodes(testbed, names)
    heard = tuple(name for name in names if name not in silent)
    some = replace(options, limit=heard) if silent else options
    if heard:
        variables = {"images_layout": str(collected.layout)}
        overheard = Overheard(progress, transfer)
        platform.play("images", overheard, options=some, variables=variables)
    if silent:
        raise PlatformError(
            f"{', '.join(silent)} did not answer and got no image"
            + (f"; done: {', '.join(heard)}" if heard else ""),
            details=told(silent),
            hint="give the command again when it answers: what a node has is not sent again",
        )
    return transfer


def read_images(testbed: Testbed) -> list[NodeImages]:
    """Return the pushed images of every node; one that is down has a problem, not an error."""
    names = [node.name for node in testbed.nodes]
    with ThreadPoolExecutor(min(_AT_ONCE, len(names))) as pool:
        return list(pool.map(lambda name: _ask(testbed, name), names))


def _ask(testbed: Testbed, node: str) -> NodeImages:
    try:
        outcome = ssh.channel(testbed, node, sudo=True).run(_CHECK, timeout_s=_TIMEOUT_S)
    except CommandError as error:
        return NodeImages(node=node, problem=error.message)
    if outcome.returncode != 0:
        return NodeImages(node=node, problem=explain(outcome.stderr, node)[0])
    return NodeImages(node=node, images=parse_check(outcome.stdout))


def parse_check(text: str) -> tuple[NodeImage, ...]:
    """Return the rows of ``ctr images check``."""
    # STATUS is two words ("complete (5/5)"), SIZE at least two: the last column is told from the
    # end.
    rows = [line.split() for line in text.splitlines()[1:]]
    return tuple(
        NodeImage(
            name=row[0],
            digest=row[2],
            is_usable=row[3] == "complete" and row[-1] == "true",
        )
        for row in rows
        if row[3:]
    )
