"""A network's plan as one script for each node: tc, for people to read and to run.

fogbed itself sends the same by netlink. The same testbed, stages and places give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fogbed.plan.inventory import RENDERED
from fogbed.plan.network_stage import NodeText, Stage, in_words, links_from, one_line
from fogbed.plan.tc import NOTHING, Egress
from fogbed.plan.tc_commands import as_commands
from fogbed.plan.tc_diff import diff
from fogbed.plan.tc_nodes import NodeNetworks, plan_nodes
from fogbed.spec.testbed import Testbed

_HEAD = """\
{rendered}{testbed}. Change the testbed's or the profile's file, not this one.
#
# What tc would be told on {node}, for what its pods send to other nodes' pods. fogbed sends the
# same by netlink, may number the classes otherwise, holds it and takes it away; where a node's
# kernel has no netem it does the same in user space. As root, one stage after the other:
# sh {node}.sh STAGE
"""
_JITTER = """\
#
# Jitter is not in the lines: fogbed changes the delay in place, as the law of docs/network.md says.
"""
_TRACE = """\
#
# Traces are not in the lines: fogbed changes delay, loss and rate in place, step by step.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the nodes are, in the order of the testbed's file, and how that is known.

    ``egresses``: of each node the device by which packets to the others leave. ``remarks``: lines
    for the head of each script. ``default_device``: what ``$DEVICE`` is taken for, if it is that.
    """

    nodes: Sequence[NodeNetworks]
    egresses: Sequence[Egress]
    remarks: Sequence[str]
    default_device: str = ""


def tc_scripts(testbed: Testbed, stages: Sequence[Stage], places: Places) -> Iterator[NodeText]:
    """Yield a script for each node of a testbed, in the order of its file.

    Raises:
        UsageError: tc cannot tell the nodes' networks apart.
    """
    plans = [plan_nodes(each.plan, places.nodes, places.egresses) for each in stages]
    for position, own in enumerate(zip(*plans, strict=True)):
        steps = [as_commands(diff(before, after)) for before, after in pairwise((NOTHING, *own))]
        end = as_commands(diff(own[-1], NOTHING))
        text = "".join(
            f"{line}\n"
            for line in (
                *_head(testbed, stages, places, position),
                *_body(stages, position, steps, end),
            )
        )
        yield NodeText(
            node=testbed.nodes[position].name, emulator="tc", text=text, commands=tuple(steps)
        )


def _head(
    testbed: Testbed, stages: Sequence[Stage], places: Places, position: int
) -> Iterator[str]:
    node = testbed.nodes[position].name
    yield from _HEAD.format(rendered=RENDERED, testbed=testbed.name, node=node).splitlines()
    for number, stage in enumerate(stages, start=1):
        yield f"#   {number:<5}  {one_line(stage.title)}"
    yield "#   clear  take it away"
    asked = [each.impairment for stage in stages for each in links_from(stage.plan, position)]
    if any(each.jitter_ms for each in asked):
        yield from _JITTER.splitlines()
    if any(each.trace for each in asked):
        yield from _TRACE.splitlines()
    yield from ("#", *(f"# {each}".rstrip() for each in places.remarks))
    yield "set -eu"
    if places.default_device:
        yield f': "${{DEVICE:={places.default_device}}}"'


def _body(
    stages: Sequence[Stage], position: int, steps: Sequence[Sequence[str]], end: Sequence[str]
) -> Iterator[str]:
    yield 'case "${1:-}" in'
    for number, (stage, step) in enumerate(zip(stages, steps, strict=True), start=1):
        minors = {name: minor for minor, name in enumerate(stage.plan.nodes, start=1)}
        asked = [
            f"    # to {each.target} (class {minors[each.target]:x}): {in_words(each.impairment)}"
            for each in links_from(stage.plan, position)
        ]
        yield from (f"  {number})", *asked, *_batch(step), "    ;;")
    yield from ("  clear)", *_batch(end), "    ;;")
    yield from ("  *)", "    sed -n '/^#/p' \"$0\" >&2", "    exit 2", "    ;;", "esac")


def _batch(commands: Sequence[str]) -> Iterator[str]:
    if not commands:
        yield "    : # nothing changes on this node"
        return
    yield from ("    tc -batch - <<END", *commands, "END")
