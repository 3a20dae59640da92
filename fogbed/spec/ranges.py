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
    if len(names or [""]) != len(addresses or names or [""]):
        what = f"{_count(names, 'name')} but {_count(addresses, 'address')}"
        way_out = "write ranges of the same length, as in pico-[2:9] with 192.0.2.[12:19]"
        problems.append(node.problem(what, way_out))
        addresses = None
    for index, name in enumerate(names or [node["name"].value]):
        own: dict[str, object] = {**node.value, "name": name}
        if addresses is not None:
            own["address"] = addresses[index]
        elif names is not None and _is_range(node["address"]):
            del own["address"]
        yield Part(node.document, node.place, own)


def _count(texts: list[str] | None, noun: str) -> str:
    count = len(texts or [""])
    plural = {"name": "names", "address": "addresses"}[noun]
    return f"{count} {noun if count == 1 else plural}"


def _is_range(part: Part) -> bool:
    return part.text is not None and "[" in part.text


def _texts(part: Part, problems: list[Problem]) -> list[str] | None:
    """Return what a range stands for; None where there is no range, or a wrong one."""
    if part.text is None or not set("[]") & set(part.text):
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
