"""Reading a YAML file into plain values, with the line of each: the first step of every load.

Files are bounded before they are parsed (1 MB) and while they are expanded (aliases, depth), so
that a hostile or broken file costs little. What is wrong is collected, not raised, where reading
can go on.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fogbed.errors import Problem, SpecError
from fogbed.spec.wording import did_you_mean

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_REPEATED = 10_000

# YAML ends a plain word at "[" inside {...}, so {name: pico-[2:9]} would have to be quoted there.
# Ranges are read without quotes too: their brackets travel as two characters of private use.
_BARE_RANGE = re.compile(r"""(?<=[A-Za-z0-9.-])\[([^\[\]{},"'\n]*)\]""")
_HIDDEN_RANGE = re.compile("\ue0f0([^\ue0f0\ue0f1]*)\ue0f1")

Place = tuple[str | int, ...]
"""Where a value stands in a file: ``("nodes", 2, "address")``."""


@dataclass(slots=True, kw_only=True)
class Document:
    """A file's values, the line of each (from 1), and the text that scalars were written as."""

    file: str
    tree: object = None
    lines: dict[Place, int] = field(default_factory=dict)
    texts: dict[Place, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, place: Place, what: str, way_out: str = "") -> Problem:
        """Return a problem at a place, or at the nearest one above it that has a line."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.file, self.lines.get(known, 1), path_of(place), what, way_out)

    def value(self, place: Place) -> object:
        """Return the value at a place; None if there is none."""
        value: Any = self.tree
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def path_of(place: Place) -> str:
    """Return a place as users read it: ``nodes[2].address``."""
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in place).lstrip(".")


def read_document(path: Path) -> Document:
    """Read a file; a SpecError where nothing of it could be read."""
    file = os.path.normpath(path)
    return parse_document(_text(path, Document(file=file)), file)


def parse_document(text: str, file: str) -> Document:
    """Read what stands, or is about to stand, in ``file``; a SpecError as ``read_document``."""
    return expand(compose(text, Document(file=file)), file)


def expand(node: Node | None, file: str) -> Document:
    """Return the values of what was composed; a SpecError as ``read_document``."""
    document = Document(file=file)
    if node is None:
        raise SpecError(
            [document.problem((), "the file is empty", "write apiVersion, kind and name first")]
        )
    _Expansion(document).expand(node)
    if not isinstance(document.tree, dict):
        what = f"the file is {kind_of(document.tree)}, not a mapping"
        raise SpecError([document.problem((), what, "write keys at its top, as in `name: metro`")])
    return document


def kind_of(value: object) -> str:
    """Name a value's kind in the words of YAML."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "a mapping"


def _text(path: Path, document: Document) -> str:
    def refused(what: str, way_out: str) -> SpecError:
        return SpecError([document.problem((), what, way_out)])

    try:
        if path.is_dir():
            raise refused("is a folder, not a file", "name a YAML file in it")
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "there is no such file"
            raise refused(what, _near_files(path))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}", "check the file's rights") from None
    if len(content) > MAX_BYTES:
        raise refused(f"is {path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,} are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(document.file, line, "", "is not UTF-8 text", "save it as UTF-8")
        raise SpecError([problem]) from None


def _near_files(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError:
        return "check the path"
    return did_you_mean(path.name, names) or "check the path"


def compose(text: str, document: Document) -> Node | None:
    """Return the text's nodes with their marks, the brackets of ranges hidden; SpecError if none.

    A mark's index is a place in ``text``: what hides a bracket is as long as it.
    """
    try:
        with warnings.catch_warnings():
            # YAML 1.2 allows an anchor to be set again; ruamel.yaml warns of it
            warnings.simplefilter("ignore")
            node: Node | None = YAML(typ="safe", pure=True).compose(
                _BARE_RANGE.sub("\ue0f0\\1\ue0f1", text)
            )
            return node
    except RecursionError:
        problem = document.problem((), "is nested too deeply", f"at most {MAX_DEPTH} levels")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        tab = "\\t" in str(error.problem)
        way_out = "indent with spaces, not tabs" if tab else "mend it; what follows was not read"
        what = f"is not YAML: {', '.join(filter(None, (error.context, error.problem)))}"
        problem = Problem(document.file, line, "", what, way_out)
    except YAMLError as error:
        what = f"is not YAML: {str(error).splitlines()[0]}"
        problem = document.problem((), what, "remove the character")
    raise SpecError([problem]) from None


class _Expansion:
    """One walk over composed nodes, which writes values, lines and problems to a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()
        self._repeated = 0

    def expand(self, root: Node) -> None:
        self._document.lines[()] = root.start_mark.line + 1
        self._document.tree = self._value(root, ())

    def _note(self, place: Place, what: str, way_out: str) -> None:
        self._document.problems.append(self._document.problem(place, what, way_out))

    def _bound(self, node: Node, place: Place) -> None:
        if len(place) > MAX_DEPTH:
            what, way_out = "is nested too deeply", f"at most {MAX_DEPTH} levels"
            raise SpecError([self._document.problem((place[0],), what, way_out)])
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeated > MAX_REPEATED:
            what = f"its aliases stand for more than {MAX_REPEATED:,} values"
            raise SpecError(
                [self._document.problem(place[:1], what, "write fewer aliases (*name)")]
            )

    def _value(self, node: Node, place: Place) -> object:
        self._bound(node, place)
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, place))
        if isinstance(node, SequenceNode):
            return list(self._items(node, place))
        return self._scalar(node, place)

    def _items(self, node: SequenceNode, place: Place) -> Iterator[object]:
        for index, item in enumerate(node.value):
            self._document.lines[(*place, index)] = item.start_mark.line + 1
            yield self._value(item, (*place, index))

    def _pairs(self, node: MappingNode, place: Place) -> Iterator[tuple[str, object]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self._note(place, "a key is not plain text", "write a word and a colon")
                continue
            here = (*place, key.value)
            if key.value in first:
                what = f"is given twice, first in line {first[key.value]}"
                path = path_of(here)
                self._document.problems.append(
                    Problem(self._document.file, line, path, what, "keep one of them")
                )
                continue
            first[key.value] = self._document.lines[here] = line
            yield key.value, self._value(value, here)

    def _scalar(self, node: Node, place: Place) -> object:
        text = _HIDDEN_RANGE.sub(r"[\1]", str(node.value))
        self._document.texts[place] = text
        if _has_surrogates(text):
            self._note(place, "holds half a surrogate pair", "write the character itself")
            return text.encode("utf-8", "replace").decode()
        tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if tag == "null":
            self._note(place, "has no value", "write one, or remove the line")
            return None
        if tag not in _SCALARS:
            self._note(place, f"has the tag {node.tag}", "remove the tag")
            return text
        return _SCALARS[tag](text)


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _whole(text: str) -> int | str:
    for base in (0, 10):
        try:
            return int(text, base)
        except ValueError:
            continue
    return text


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _truth(text: str) -> bool:
    return text.lower() in {"true", "yes", "on"}


# Dates stay text: YAML 1.2 has none, and no key here is one.
_SCALARS: dict[str, Callable[[str], object]] = {
    "bool": _truth,
    "int": _whole,
    "float": _number,
    "str": str,
    "timestamp": str,
}
