"""What a fabric does to each node's links, for people: the emulation in user space has no tc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fogbed.plan.inventory import RENDERED
from fogbed.plan.network_stage import NodeText, Stage, in_words, links_from, one_line
from fogbed.plan.queue import LEAST_PACKETS, QUEUE_MS
from fogbed.spec.abilities import ABILITIES
from fogbed.spec.testbed import Testbed

_HEAD = """\
{rendered}{testbed}. Change the testbed's or the profile's file, not this one.
#
# What is done to packets that leave {node}, by the node that they go to. There is no tc here:
{who}
# A packet may be lost first. Then it waits for the rate, {queue} ms at most ({least} full packets
# may always wait), and then for the delay and jitter (docs/network.md has the law). Who is not
# named is reached as it is without fogbed.
#
# fogbed network apply puts a profile into force, fogbed network show reads it back.
"""
_LAPTOP = """\
# the fabric, one process in user space, reads them from the node's port, holds each one as long
# as the link says and writes it to the other node's port."""
_NODE = """\
# the node fabric, a process in user space on {node}, is sent what its pods send to other nodes'
# pods (a rule of policy routing leads into the TUN device fogbed0), holds each packet as long as
# the link says and gives it back to the main routing table."""


def fabric_texts(testbed: Testbed, stages: Sequence[Stage]) -> Iterator[NodeText]:
    """Yield a text for each node of a testbed, in the order of its file."""
    who = _NODE if ABILITIES[testbed.platform].is_a_cluster else _LAPTOP
    for position, node in enumerate(testbed.nodes):
        head = _HEAD.format(
            rendered=RENDERED,
            testbed=testbed.name,
            node=node.name,
            who=who.format(node=node.name),
            queue=QUEUE_MS,
            least=LEAST_PACKETS,
        )
        parts = (_stage(stage, position) for stage in stages)
        yield NodeText(node=node.name, emulator="fabric", text=head + "".join(parts))


def _stage(stage: Stage, position: int) -> str:
    lines = [
        f"to {each.target}: {in_words(each.impairment)}"
        for each in links_from(stage.plan, position)
    ]
    return "\n".join(["", f"# {one_line(stage.title)}", *(lines or ["# to nobody anything"]), ""])
