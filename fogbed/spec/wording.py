"""Ways out in few words, the same in every message about specs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean X?" where something known is near, else an empty text."""
    folded = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.67)
    return f"did you mean {folded[near[0]]}?" if near else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return "did you mean X?", or what there is to choose from."""
    choices = sorted(set(known))
    return did_you_mean(word, choices) or write_one_of(choices)


def write_one_of(choices: Iterable[str]) -> str:
    """Return "write a, b or c", cut short where there are many."""
    listed = list(choices)
    if len(listed) > _SHOWN:
        return f"write one of {', '.join(listed[:_SHOWN])} ... ({len(listed)} in all)"
    if not listed:
        return "remove it"
    *others, last = listed
    return f"write {', '.join(others)} or {last}" if others else f"write {last}"
