"""States of a testbed's network one after the other, and what they are called in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fogbed.plan.impairment import Impairment
from fogbed.plan.network import Link, NetworkPlan
from fogbed.units import format_delay, format_fraction, format_rate

_WORDS: Sequence[tuple[str, str, Callable[[Any], str]]] = (
    ("delay", "delay_ms", format_delay),
    ("jitter", "jitter_ms", format_delay),
    ("loss", "loss", format_fraction),
    ("rate", "rate_bps", format_rate),
    ("corrupt", "corrupt", format_fraction),
    ("duplicate", "duplicate", format_fraction),
    ("reorder", "reorder", format_fraction),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One state of the network; ``title`` says when it is in force and what it is."""

    title: str
    plan: NetworkPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeText:
    """What one node does to its links, as ``text``; ``commands`` of tc for each stage in turn.

    ``emulator``: "tc" or "fabric". A text for tc is a script.
    """

    node: str
    emulator: Literal["tc", "fabric"]
    text: str
    commands: tuple[tuple[str, ...], ...] = ()


def in_words(impairment: Impairment) -> str:
    """Return an impairment as a profile's line has it: "delay 5ms, rate 20mbit"."""
    words = [
        f"{word} {text(value)}"
        for word, member, text in _WORDS
        if (value := getattr(impairment, member))
    ]
    trace = impairment.trace
    words += [f"trace {trace.name} (what is typical of it stands here)"] if trace else []
    return ", ".join(words) or "nothing"


def links_from(plan: NetworkPlan, position: int) -> Iterator[Link]:
    """Yield the touched links from the node at a position of ``plan.nodes``."""
    row = plan.index[position]
    for target in np.flatnonzero(row):
        yield Link(plan.nodes[position], plan.nodes[int(target)], plan.impairments[row[target]])


def one_line(text: str) -> str:
    """Return a text of the user's as a comment can hold it."""
    return " ".join(text.split())
