"""Items of ``[...]`` in a text put in and cut out, with their commas, lines and remarks."""

from __future__ import annotations

import re

from fogbed.spec.edit_places import line_end, line_start, newline_of


def without_item(text: str, start: int, end: int) -> str:
    """Return the text without an item, its comma, and its line if it had its own."""
    comma = re.compile(r"\s*,[ \t]*").match(text, end)
    if comma:
        end = comma.end()
    else:
        before = re.search(r",\s*\Z", text[:start])
        start = before.start() if before else start
    line, rest = line_start(text, start), text[end:].partition("\n")
    if not text[line:start].strip() and (not rest[0].strip() or rest[0].startswith("#")):
        start, end = line, end + len(rest[0]) + len(rest[1])
    return text[:start] + text[end:]


def with_item(text: str, start: int, end: int, written: str) -> str:
    """Return the text with an item after the last one, which stands from ``start`` to ``end``."""
    gap = gap_before(text, start)
    if gap != " " and re.match(r",?[ \t]*(#|\r?\n)", text[end:]):
        # a remark beside the last one stays beside it
        comma = "" if text[end] == "," else ","
        after = line_end(text, end)
        return f"{text[:end]}{comma}{text[end:after]}{gap}{written}{text[after:]}"
    return f"{text[:end]},{gap}{written}{text[end:]}"


def gap_before(text: str, start: int) -> str:
    """Return what stands before an item: a line of its own, or a space."""
    indent = text[line_start(text, start) : start]
    return " " if indent.strip() else newline_of(text) + indent
