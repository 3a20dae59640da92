"""How manifests' templates are read and filled in: what a value looks like in YAML."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from fogbed import paths

if TYPE_CHECKING:
    from jinja2 import Environment

MIB = 2**20


@cache
def environment() -> Environment:
    """Return what renders ``manifests/``; a value that is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - heavy

    made = Environment(
        loader=FileSystemLoader(paths.asset("manifests")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, whose texts are spelled as JSON
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "text": _text,
        "lines": _lines,
        "items": _items,
        "at": _at,
        "mebibytes": _mebibytes,
    }
    return made


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return json.dumps(str(value) if isinstance(value, float | int) else value)


def _lines(pairs: Mapping[str, str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}{key}: {json.dumps(each)}" for key, each in pairs.items())


def _items(values: list[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {json.dumps(value)}" for value in values)


def _at(text: str, indent: int) -> str:
    """Return a block for a place where ``indent`` spaces stand already."""
    return textwrap.indent(text.strip("\n"), " " * indent).lstrip(" ")


def _mebibytes(size: int) -> str:
    """Return bytes as Kubernetes writes them; rounded up, for less would be too little."""
    rounded = -(-size // MIB)
    return f"{rounded // 1024}Gi" if rounded % 1024 == 0 else f"{rounded}Mi"
