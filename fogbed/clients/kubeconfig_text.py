"""Entries of a kubeconfig's text put in and cut out: every other byte stays as it is.

kubectl reads YAML 1.1, in which more texts are truths and numbers than in YAML 1.2: what somebody
else has quoted, or not, is never written anew. A kubeconfig may be JSON too.

An empty list may be spelled in many ways, as nothing at all or null too, and its key may be
missing: the first entry put in keeps beside it what stood there, for the last one cut out to put
back. In YAML that is a comment. JSON has none: there, brackets stay as they were, and behind the
first one space stands for a null, two for no key. The same is done for a text; in JSON, two spaces
before it stand for no key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fogbed.spec.edit_flow import with_item, without_item
from fogbed.spec.edit_places import (
    by_hand,
    dash_line,
    end_of,
    line_end,
    line_start,
    newline_of,
    span,
    value_under,
)

# What a reader of YAML 1.1 takes for a truth, or for nothing.
_NO_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_EMPTY = " []"
_BEFORE = re.compile(r'  # fogbed found here: (null|"(?:[^"\\]|\\.)*")[ \t]*$')
_NULL = re.compile(r"\[ (?=\{)")
_NO_KEY = "  "


def with_entry(text: str, kind: str, entry: Mapping[str, Any]) -> str:
    """Return the text with a named entry of a list; it takes the place of those of its name.

    Raises:
        UsageError: the text is written in a way that cannot be changed by cutting.
    """
    root = _root(text)
    if root is None or _key(root, kind) is None:
        return _with_key(text, root, kind, entry)
    entries = _listed(root, kind)
    if entries is None or not entries.value:
        return _with_first(text, root, kind, entry)
    places = [node for node in entries.value if _name(node) == entry["name"]]
    if places:
        for node in reversed(places):
            text = _replaced(text, entries, node, entry)
        return text
    last = entries.value[-1]
    if entries.flow_style:
        return with_item(text, *span(text, last), _flow(entry))
    indent, after = _indent(text, last), line_end(text, end_of(last, text))
    return f"{text[:after]}{newline_of(text)}{_block(text, indent, entry)}{text[after:]}"


def without_entry(text: str, kind: str, name: str) -> str:
    """Return the text without the entries of a name in a list; UsageError as above."""
    is_left = True
    while is_left:
        root = _root(text)
        entries = None if root is None else _listed(root, kind)
        places = [node for node in entries.value if _name(node) == name] if entries else []
        if root is None or entries is None or not places:
            return text
        is_left = len(places) > 1
        if len(entries.value) == 1:
            text = _emptied(text, root, kind, entries)
        elif entries.flow_style:
            text = without_item(text, *span(text, places[0]))
        else:
            text = _without_entry_lines(text, places[0])
    return text


def with_text(text: str, key: str, value: str) -> str:
    """Return the text with a text under a key at its top, where none is; UsageError as above."""
    root = _root(text)
    found = None if root is None else _key(root, key)
    if root is None or found is None:
        return _with_key(text, root, key, value)
    start, end = _value_span(text, found, value_under(root, key))
    before = text[start:end]
    if root.flow_style:
        space = before[: len(before) - len(before.lstrip())]
        return f"{text[:start]}{space}{json.dumps(value)}{text[end:]}"
    after = line_end(text, end)
    return f"{text[:start]} {_scalar(value)}{text[end:after]}{_note(before)}{text[after:]}"


def without_text(text: str, key: str) -> str:
    """Return the text with what stood under a key before ``with_text``, or an empty one."""
    root = _root(text)
    found = None if root is None else _key(root, key)
    if root is None or found is None:
        return text
    start, end = _value_span(text, found, value_under(root, key))
    if root.flow_style:
        value = text[start:end].lstrip()
        if text[start:end] == _NO_KEY + value:
            return without_item(text, found.start_mark.index, end)
        return f'{text[: end - len(value)]}""{text[end:]}'
    noted = _BEFORE.search(text[: line_end(text, end)], end)
    if noted is None:
        return f'{text[:start]} ""{text[end:]}'
    before = json.loads(noted[1])
    if before is None:
        return _without_lines(text, found.start_mark.index, noted.end())
    return f"{text[:start]}{before}{text[end : noted.start()]}{text[noted.end() :]}"


def _root(text: str) -> MappingNode | None:
    root = YAML(typ="safe", pure=True).compose(text)
    if root is None or isinstance(root, MappingNode):
        return root
    raise by_hand()


def _key(root: MappingNode, key: str) -> Node | None:
    return next((k for k, _ in root.value if isinstance(k, ScalarNode) and k.value == key), None)


def _listed(root: MappingNode, kind: str) -> SequenceNode | None:
    found = value_under(root, kind)
    return found if isinstance(found, SequenceNode) else None


def _name(entry: Node) -> str | None:
    if not isinstance(entry, MappingNode):
        return None
    name = value_under(entry, "name")
    return str(name.value) if isinstance(name, ScalarNode) else None


def _value_span(text: str, key: Node, value: Node | None) -> tuple[int, int]:
    """Return where a value stands, from the colon of its key on."""
    colon = text.index(":", key.end_mark.index) + 1
    is_nothing = isinstance(value, ScalarNode) and value.value == "" and value.style is None
    return colon, colon if value is None or is_nothing else end_of(value, text)


def _with_key(text: str, root: MappingNode | None, key: str, value: Any) -> str:  # noqa: ANN401 - YAML
    if root is None:
        # a comment, perhaps: the last line ends, or does not, as it did
        before, after = ("", newline_of(text)) if text.endswith("\n") else (newline_of(text), "")
        return f"{text}{before}{_pair(text, key, value)}{after}"
    if root.flow_style:
        place = end_of(root.value[-1][1], text) if root.value else root.start_mark.index + 1
        comma = ", " if root.value else ""
        written = f"{_NO_KEY}{_flow(value)}" if isinstance(value, str) else _noted_flow(value)
        return f"{text[:place]}{comma}{json.dumps(key)}:{written}{text[place:]}"
    place = max(end_of(root.value[-1][1], text), root.value[-1][0].end_mark.index)
    place = line_end(text, place)
    return f"{text[:place]}{newline_of(text)}{_pair(text, key, value)}{text[place:]}"


def _noted_flow(entry: Mapping[str, Any]) -> str:
    return f" [{_NO_KEY}{_flow(entry)}]"


def _pair(text: str, key: str, value: Any) -> str:  # noqa: ANN401 - YAML
    if isinstance(value, str):
        return f"{key}: {_scalar(value)}{_note(None)}"
    return f"{key}:{newline_of(text)}{_block(text, '', value, _note(None))}"


def _note(before: str | None) -> str:
    """Return the comment that says what stood behind a key; None: there was no key."""
    return f"  # fogbed found here: {json.dumps(before)}"


def _with_first(text: str, root: MappingNode, kind: str, entry: Mapping[str, Any]) -> str:
    key = _key(root, kind)
    assert key is not None  # noqa: S101 - who calls has looked
    start, end = _value_span(text, key, value_under(root, kind))
    before = text[start:end]
    if root.flow_style:
        return f"{text[:start]}{_first_in_flow(before, entry)}{text[end:]}"
    note = "" if before == _EMPTY else _note(before)
    text = text[:start] + text[end:]
    after = line_end(text, start)
    return f"{text[:after]}{newline_of(text)}{_block(text, '', entry, note)}{text[after:]}"


def _first_in_flow(before: str, entry: Mapping[str, Any]) -> str:
    space, bracket, rest = before.partition("[")
    if bracket:
        return f"{space}[{_flow(entry)}{rest}"
    space = before[: len(before) - len(before.lstrip())]
    return f"{space}[ {_flow(entry)}]"


def _replaced(text: str, entries: SequenceNode, node: Node, entry: Mapping[str, Any]) -> str:
    start, end = span(text, node)
    if entries.flow_style:
        return text[:start] + _flow(entry) + text[end:]
    line = dash_line(text, start)
    noted = _BEFORE.search(text[line : line_end(text, line)])
    written = _block(text, _indent(text, node), entry, noted.group() if noted else "")
    return text[:line] + written + text[line_end(text, end) :]


def _without_entry_lines(text: str, node: Node) -> str:
    return _without_lines(text, dash_line(text, node.start_mark.index), end_of(node, text))


def _without_lines(text: str, first: int, last: int) -> str:
    start, end = line_start(text, first), line_end(text, last)
    if start == 0:
        return text[end:].removeprefix("\r").removeprefix("\n")
    # with the end of the line before it: the file may end without one
    before = start - (2 if text[:start].endswith("\r\n") else 1)
    return text[:before] + text[end:]


def _emptied(text: str, root: MappingNode, kind: str, entries: SequenceNode) -> str:
    key = _key(root, kind)
    assert key is not None  # noqa: S101 - who calls has looked
    start, end = _value_span(text, key, entries)
    if entries.flow_style:
        first, last = span(text, entries.value[0])
        opened = entries.start_mark.index
        if text[opened + 1 : first] == _NO_KEY:
            return without_item(text, key.start_mark.index, end)
        if _NULL.match(text, opened):
            return f"{text[:opened]}null{text[end:]}"
        return text[:first] + text[last:]
    line = dash_line(text, entries.value[0].start_mark.index)
    noted = _BEFORE.search(text[line : line_end(text, line)])
    before = json.loads(noted[1]) if noted else _EMPTY
    text = _without_entry_lines(text, entries.value[0])
    if before is None:
        return _without_lines(text, key.start_mark.index, start)
    return f"{text[:start]}{before}{text[start:]}"


def _indent(text: str, node: Node) -> str:
    line = dash_line(text, node.start_mark.index)
    return text[line : text.index("-", line)]


def _block(text: str, indent: str, entry: Mapping[str, Any], note: str = "") -> str:
    lines = []
    for key, value in entry.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{key}:", *(f"  {_scalar(k)}: {_flow(v)}" for k, v in value.items())]
        else:
            lines.append(f"{key}: {_scalar(value) if isinstance(value, str) else _flow(value)}")
    lines[0] += note
    return f"{indent}- " + f"{newline_of(text)}{indent}  ".join(lines)


def _scalar(value: str) -> str:
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value) and value.lower() not in _NO_TEXT
    return value if is_plain else _flow(value)


def _flow(value: Any) -> str:  # noqa: ANN401 - YAML
    # JSON is YAML of either version
    return json.dumps(value, ensure_ascii=False)
