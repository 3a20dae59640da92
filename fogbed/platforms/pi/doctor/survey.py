"""All nodes of a testbed looked at, at once and in seconds; nothing is changed anywhere."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import CommandError
from fogbed.platforms.pi.doctor.facts import NodeSurvey
from fogbed.platforms.pi.doctor.sources import list_sources
from fogbed.platforms.pi.playbook import shared_defaults
from fogbed.platforms.pi.reach import ssh
from fogbed.platforms.pi.reach.refusals import explain, sudo_right
from fogbed.spec.testbed import Node, Testbed

_TIMEOUT_S = 40.0
_AT_ONCE = 32
_CLOCK = ("date", "+%s.%N")
# The first one opens the connection, which takes long and so says little.
_CLOCK_TRIES = 3
_NOT_FOUND = 127
_SECONDS = re.compile(r"\d+\.\d+")
_PROBE = Path(__file__).with_name("node_probe.py")


def survey(testbed: Testbed, progress: Progress) -> list[NodeSurvey]:
    """Return what each node says; one that is down has a problem, not an error."""
    sources = list_sources(testbed, shared_defaults())
    found: list[NodeSurvey] = []
    with progress.step("looking at the nodes", total=len(testbed.nodes)) as step:

        def look(node: Node) -> NodeSurvey:
            return look_at(ssh.channel(testbed, node.name), node.address or "", sources)

        with ThreadPoolExecutor(min(_AT_ONCE, len(testbed.nodes))) as pool:
            for each in pool.map(look, testbed.nodes):
                found.append(each)
                step.advance(len(found), each.node)
    return found


def look_at(channel: Channel, address: str, sources: Mapping[str, str]) -> NodeSurvey:
    """Return what one node says; ``sources``: the addresses that it is to try."""
    node = channel.node
    try:
        offset_s, bound_s, said = _clock(channel)
        if offset_s is None:
            meaning, way_out = explain(said, node)
            return NodeSurvey(node=node, address=address, problem=meaning, way_out=way_out or "")
        outcome = channel.run(
            [channel.python, "-"], timeout_s=_TIMEOUT_S, stdin=probe_text(address, sources)
        )
    except CommandError as error:
        return NodeSurvey(node=node, address=address, problem=error.message)
    there = NodeSurvey(node=node, address=address, clock_offset_s=offset_s, clock_bound_s=bound_s)
    try:
        facts = json.loads(outcome.stdout)
        return replace(there, facts=facts | {"sudo": sudo_right(**facts["sudo"])})
    except ValueError:
        problem, way_out = _no_facts(outcome.returncode, outcome.stderr, node)
    return replace(there, problem=problem, way_out=way_out)


def probe_text(address: str, sources: Mapping[str, str]) -> str:
    """Return the program that a node's Python is given, with what it is asked."""
    # on stdin, not in argv: an address may carry a password
    request = json.dumps({"address": address, "sources": dict(sources)})
    return f"{_PROBE.read_text(encoding='utf-8')}\nmain(json.loads({request!r}))\n"


def _no_facts(returncode: int, stderr: str, node: str) -> tuple[str, str]:
    if returncode == _NOT_FOUND:
        return f"{node} has no Python 3", "there: sudo apt install python3"
    meaning, way_out = explain(stderr, node)
    return f"{node} could not be looked at: {meaning}", way_out or ""


def _clock(channel: Channel) -> tuple[float | None, float | None, str]:
    """Return offset and bound of the shortest round trip; what was said where there was none."""
    best: tuple[float, float] | None = None
    for _ in range(_CLOCK_TRIES):
        before = time.time()
        outcome = channel.run(_CLOCK, timeout_s=_TIMEOUT_S)
        after = time.time()
        if outcome.returncode != 0:
            return None, None, outcome.stderr
        if not _SECONDS.fullmatch(outcome.stdout.strip()):
            return None, None, f"date +%s.%N said {outcome.stdout.strip()[:40]!r}"
        bound = (after - before) / 2
        if best is None or bound < best[1]:
            best = (float(outcome.stdout) - (before + after) / 2, bound)
    assert best is not None  # noqa: S101 - it was tried at least once
    return round(best[0], 4), round(best[1], 4), ""
