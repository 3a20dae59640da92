"""Ranges of nodes: ``pico-[2:9]`` with ``192.0.2.[12:19]`` stands for eight nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fogbed.errors import Problem
from fogbed.spec.part import Part

MAX_NODES = 10_000

_RANGE = re.compile(r"([^\[\]]*)\[(\d{1,9}):(\d{1,9})\]([^\[\]]*)")


@dataclass(slots=True)
class ExpandedNodes:
    """Every node of a testbed by itself; ``parts`` keep the place of the line they came from."""

    parts: list[Part] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def expand_nodes(nodes: Part) -> ExpandedNodes:
    """Expand the ranges in names and addresses of a list of nodes; what is wrong is collected."""
    expanded = ExpandedNodes()
    for node in nodes.items():
        expanded.parts.extend(_expand(node, expanded.problems))
        if len(expanded.parts) > MAX_NODES:
            what = f"there are more than {MAX_NODES:,} nodes"
            expanded.problems.append(node.problem(what, "write smaller ranges"))
            del expanded.parts[MAX_NODES:]
            break
    return expanded


def _expand(node: Part, problems: list[Problem]) -> Iterator[Part]:
    names = _texts(node["name"], problems)
    addresses = _texts(node["address"], problems)
    if not isinstance(node.value, dict) or (names is None and addresses is None):
        yield node
        return
    if addresses is None and node["address"].text is not None and not _has_range(node["address"]):
        addresses = [node["address"].text]
    if addresses is not None and len(names or [""]) != len(addresses):
        what = f"{_count(names, 'name', 'names')} but {_count(addresses, 'address', 'addresses')}"
        way_out = "write ranges of the same length, as in pico-[2:9] with 192.0.2.[12:19]"
        problems.append(node.problem(what, way_out))
        addresses = None
    without = {key: value for key, value in node.value.items() if key != "address"}
    for index, name in enumerate(names or [node["name"].value]):
        address = {} if addresses is None else {"address": addresses[index]}
        yield Part(node.document, node.place, {**without, "name": name, **address})


def _count(texts: list[str] | None, one: str, more: str) -> str:
    count = len(texts or [""])
    return f"{count} {one if count == 1 else more}"


def _has_range(part: Part) -> bool:
    return part.text is not None and bool(set("[]") & set(part.text))


def _texts(part: Part, problems: list[Problem]) -> list[str] | None:
    """Return what a range stands for; None where there is no range, or a wrong one."""
    if part.text is None or not _has_range(part):
        return None
    match = _RANGE.fullmatch(part.text)
    if match is None:
        what = f"{part.text!r} is not a range"
        problems.append(part.problem(what, "write one [first:last] in it, as in pico-[2:9]"))
        return None
    before, first, last, after = match.groups()
    if int(first) > int(last):
        what = f"the range {first}:{last} runs backwards"
        problems.append(part.problem(what, f"write [{last}:{first}]"))
        return None
    if int(last) - int(first) >= MAX_NODES:
        what = f"the range {first}:{last} is more than {MAX_NODES:,} nodes"
        problems.append(part.problem(what, "write a smaller range"))
        return None
    # as in Ansible, leading zeros give the width: [01:10] is 01, 02, ... 10
    width = len(first) if first.startswith("0") else 0
    return [f"{before}{n:0{width}d}{after}" for n in range(int(first), int(last) + 1)]
