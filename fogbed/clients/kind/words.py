"""What the kind command says while it works, and what it says of a failure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_SIGNS: dict[str, Literal["begun", "done", "failed"]] = {"•": "begun", "✓": "done", "✗": "failed"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")
_STEP = re.compile(rf"^ ([{''.join(_SIGNS)}]) (.+?)[\s.]*$")
# kind decorates its steps
_PICTURES = re.compile(r"[^\x20-\x7e≤]+")


@dataclass(frozen=True, slots=True)
class KindStep:
    """One stretch of kind's work, without its pictures."""

    what: str
    state: Literal["begun", "done", "failed"]


def step_of(line: str) -> KindStep | None:
    """Return the step that a line of kind's tells of; None if it tells of none."""
    found = _STEP.match(_COLOUR.sub("", line))
    if found is None or found[2].startswith("WARNING"):
        return None
    return KindStep(" ".join(_PICTURES.sub(" ", found[2]).split()), _SIGNS[found[1]])


def failure_of(lines: Iterable[str]) -> str:
    """Return what kind says went wrong, with the output of the command that it ran.

    All that it said where nothing is marked as an error.
    """
    plain = [_COLOUR.sub("", line).rstrip() for line in lines]
    errors = [number for number, line in enumerate(plain) if line.startswith("ERROR:")]
    told = plain[errors[0] :] if errors else plain
    told[:1] = [line.removeprefix("ERROR:").strip() for line in told[:1]]
    return "\n".join(line for line in told if line and step_of(line) is None)
