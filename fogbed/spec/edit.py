"""Changes to a testbed's file, text to text: what a change does not touch stays byte for byte.

The text is composed to learn where things stand, and cut there. (ruamel.yaml's own round trip would
even out indents, spaces and flow style of the whole file.) What the new text says is for the caller
to read again: ``settled``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from ruamel.yaml.nodes import MappingNode

from fogbed.spec.document import Document, compose
from fogbed.spec.edit_flow import gap_before, with_item, without_item
from fogbed.spec.edit_places import (
    FILE,
    Entry,
    Listing,
    by_hand,
    end_of,
    line_end,
    line_start,
    newline_of,
    read_listing,
    root_of,
    span,
    value_under,
)
from fogbed.spec.load import parse_testbed
from fogbed.spec.testbed import Testbed

_BRACKETS = re.compile(r"\[(\d+):(\d+)\]")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[\d+:\d+\][A-Za-z0-9._-]*)?")
# Readers of YAML 1.1 take these for true and false.
_TRUTHS = {"y", "yes", "on", "n", "no", "off"}


def settled(text: str, file: str, wanted: Testbed) -> str:
    """Return ``text`` if it says exactly ``wanted``.

    Raises:
        SpecError: it is not a sound testbed; the lines named are those that ``file`` would have.
        UsageError: the file is written in a way that cannot be changed by cutting.
    """
    if parse_testbed(text, file) != wanted:
        raise by_hand()
    return text


def add_node(text: str, fields: Mapping[str, object]) -> str:
    """Return the text with one node more, at the end of the list, written as the one before it."""
    listing = read_listing(text)
    last = listing.entries[-1]
    if not listing.is_block:
        return with_item(text, last.start, last.end, _flow(fields))
    dash = text[last.start :].partition("-")[0] + "- "
    written = _flow(fields)
    if last.is_block:
        indent = newline_of(text) + " " * len(dash)
        written = indent.join(f"{key}: {_value(value)}" for key, value in fields.items())
    return text[: last.end] + newline_of(text) + dash + written + text[last.end :]


def remove_node(text: str, name: str) -> str:
    """Return the text without a node; a range that it lies in becomes the one or two around it."""
    listing = read_listing(text)
    entry = listing.with_member(name)
    at = entry.members.index(name)
    pieces = [_part(text, entry, 0, at), _part(text, entry, at + 1, len(entry.members))]
    return _replaced(listing, entry, [piece for piece in pieces if piece is not None])


def change_address(text: str, name: str, address: str) -> str:
    """Return the text with another address of a node; it leaves the range that it lies in."""
    listing = read_listing(text)
    entry = listing.with_member(name)
    at = entry.members.index(name)
    pieces = [
        _part(text, entry, 0, at),
        _part(text, entry, at, at + 1, address=address),
        _part(text, entry, at + 1, len(entry.members)),
    ]
    return _replaced(listing, entry, [piece for piece in pieces if piece is not None])


def set_kubernetes_version(text: str, version: str) -> str:
    """Return the text with another ``kubernetes.version``, which is written if it was not."""
    root = root_of(text)
    found = value_under(root, "kubernetes")
    if found is None:
        return _with_section(text, root, version)
    if not isinstance(found, MappingNode):
        raise by_hand()
    old = value_under(found, "version")
    if old is not None:
        start, end = span(text, old)
        quote = text[start] if text[start] in "\"'" else '"'
        return f"{text[:start]}{quote}{version}{quote}{text[end:]}"
    if found.flow_style:
        place = text.index("{", found.start_mark.index) + 1
        comma = ", " if found.value else ""
        return f'{text[:place]}{_key(text, "version")}: "{version}"{comma}{text[place:]}'
    place = line_start(text, found.value[0][0].start_mark.index)
    indent = text[place : found.value[0][0].start_mark.index]
    return f'{text[:place]}{indent}version: "{version}"{newline_of(text)}{text[place:]}'


def _with_section(text: str, root: MappingNode, version: str) -> str:
    place = end_of(root.value[-1][1], text)
    if root.flow_style:
        section = f'"kubernetes": {{"version": "{version}"}}'
        return f"{text[:place]}, {section}{text[place:]}"
    place = line_end(text, place)
    newline = newline_of(text)
    return f'{text[:place]}{newline}kubernetes:{newline}  version: "{version}"{text[place:]}'


def _key(text: str, key: str) -> str:
    return f'"{key}"' if text.lstrip().startswith("{") else key


def _part(
    text: str, entry: Entry, first: int, after: int, *, address: str | None = None
) -> str | None:
    """Return an entry's text for some of its members; None for none of them."""
    if first == after:
        return None
    written = text[entry.start : entry.end]
    for key, (start, end) in sorted(entry.values.items(), key=lambda pair: -pair[1][0]):
        old = text[start:end]
        new = _narrowed(old, first, after)
        if key == "address" and address is not None:
            new = f"{old[0]}{address}{old[0]}" if old[0] in "\"'" else address
        written = written[: start - entry.start] + new + written[end - entry.start :]
    return written


def _narrowed(written: str, first: int, after: int) -> str:
    found = _BRACKETS.search(written)
    if found is None:
        return written
    # as ranges are read: leading zeros give the width
    width = len(found[1]) if found[1].startswith("0") else 0
    one, last = (f"{int(found[1]) + n:0{width}d}" for n in (first, after - 1))
    inside = one if one == last else f"[{one}:{last}]"
    narrowed = written[: found.start()] + inside + written[found.end() :]
    return narrowed if narrowed[0] in "\"'" else _value(narrowed)


def _replaced(listing: Listing, entry: Entry, pieces: Sequence[str]) -> str:
    text, start, end = listing.text, entry.start, entry.end
    if not pieces:
        return (
            _without_lines(text, entry)
            if listing.is_block
            else without_item(text, entry.start, entry.end)
        )
    between = newline_of(text) if listing.is_block else f",{gap_before(text, start)}"
    return text[:start] + between.join(pieces) + text[end:]


def _without_lines(text: str, entry: Entry) -> str:
    after = text.find("\n", entry.end)
    return text[: entry.start] + (text[after + 1 :] if after >= 0 else "")


def _flow(fields: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{_value(key)}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: object) -> str:
    """Return a value as YAML on one line; text is quoted where it would be read as another kind."""
    if isinstance(value, Mapping):
        return _flow(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _TRUTHS:
        node = compose(value, Document(file=FILE))
        if node is not None and str(node.tag).endswith(":str"):
            return value
    return json.dumps(value, ensure_ascii=False)
