"""Where things stand in the text of a testbed's file: its list of nodes, entry by entry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from fogbed.errors import UsageError
from fogbed.spec.document import Document, compose, expand
from fogbed.spec.part import Part
from fogbed.spec.ranges import expand_nodes

# Named in problems of a text that its caller has not read as a testbed before.
FILE = "testbed.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the list of nodes; ``start`` and ``end`` bound what is cut, comments aside.

    ``members``: the names that it stands for. ``values``: where its name and address stand.
    """

    start: int
    end: int
    members: Sequence[str]
    values: Mapping[str, tuple[int, int]]
    is_block: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The list of nodes as it stands in a text."""

    text: str
    entries: Sequence[Entry]
    is_block: bool

    def with_member(self, name: str) -> Entry:
        """Return the entry that stands for a node; UsageError if none does."""
        found = [entry for entry in self.entries if name in entry.members]
        if not found:
            raise UsageError(f"there is no node {name} in the file")
        return found[0]


def read_listing(text: str) -> Listing:
    """Return the list of nodes of a text; UsageError where it cannot be cut."""
    root = compose(text, Document(file=FILE))
    document = expand(root, FILE)
    nodes = value_under(root, "nodes") if isinstance(root, MappingNode) else None
    if not isinstance(nodes, SequenceNode) or not nodes.value:
        raise by_hand()
    tree = document.value(("nodes",))
    members: list[list[str]] = [[] for _ in nodes.value]
    for part in expand_nodes(Part(document, ("nodes",), tree)).parts:
        members[int(part.place[1])].append(str(part["name"].value))
    is_block = not nodes.flow_style
    entries = list(_entries(text, nodes.value, members, is_block=is_block))
    return Listing(text, entries, is_block)


def root_of(text: str) -> MappingNode:
    """Return the top of a text."""
    root = compose(text, Document(file=FILE))
    if not isinstance(root, MappingNode):
        raise by_hand()
    return root


def value_under(mapping: MappingNode, key: str) -> Node | None:
    """Return what stands under a key; None if the key does not stand there."""
    for name, value in mapping.value:
        if isinstance(name, ScalarNode) and name.value == key:
            if value.start_mark.index < name.end_mark.index:
                raise by_hand()  # an alias
            found: Node = value
            return found
    return None


def _entries(
    text: str, nodes: Sequence[Node], members: Sequence[Sequence[str]], *, is_block: bool
) -> Iterator[Entry]:
    before = 0
    for node, names in zip(nodes, members, strict=True):
        start, end = node.start_mark.index, end_of(node, text)
        if start < before or not isinstance(node, MappingNode):
            raise by_hand()  # an alias: it stands elsewhere
        before = end
        values = {
            key.value: span(text, value)
            for key, value in node.value
            if key.value in ("name", "address") and isinstance(value, ScalarNode)
        }
        if any(not start <= place < end for place, _ in values.values()):
            raise by_hand()
        yield Entry(
            start=dash_line(text, start) if is_block else start,
            end=line_end(text, end) if is_block else end,
            members=names,
            values=values,
            is_block=not node.flow_style,
        )


def span(text: str, node: Node) -> tuple[int, int]:
    """Return where a node begins and ends."""
    return node.start_mark.index, end_of(node, text)


def line_start(text: str, place: int) -> int:
    """Return where the line of a place begins."""
    return text.rfind("\n", 0, place) + 1


def line_end(text: str, place: int) -> int:
    """Return where the line of a place ends, its newline aside."""
    end = text.find("\n", place)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1] == "\r" else end


def newline_of(text: str) -> str:
    """Return how lines end in a text."""
    return "\r\n" if "\r\n" in text else "\n"


def by_hand() -> UsageError:
    """Return the error of a file that is written in a way that cutting would not do right."""
    return UsageError(
        "the testbed's file is written in a way that fogbed cannot change",
        hint="change it by hand, then give the command again",
    )


def end_of(node: Node, text: str) -> int:
    """Return where a node's last character stands, plus one: marks go on to the next token."""
    if not isinstance(node, CollectionNode) or node.flow_style:
        return len(text[: node.end_mark.index].rstrip())
    parts = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
    return max(end_of(part, text) for part in parts)


def dash_line(text: str, start: int) -> int:
    """Return where the line begins whose dash an entry of a block list belongs to."""
    line = line_start(text, start)
    if re.fullmatch(r"[ \t]*-[ \t]+", text[line:start]):
        return line
    above = re.search(r"^[ \t]*-[ \t]*(#.*)?\r?\n([ \t]*(#.*)?\r?\n)*\Z", text[:line], re.MULTILINE)
    if text[line:start].strip() or above is None:
        raise by_hand()
    return above.start()
