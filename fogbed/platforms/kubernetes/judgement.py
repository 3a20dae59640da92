"""What is thought of an object that is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ready", "waiting", "hopeless"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Ready; waiting for ``what``; or hopeless: ``what`` is a sentence, ``way_out`` another.

    ``trouble`` tells one sort of trouble from another, and ``patience_s`` how many seconds on end
    it has to last before it counts. ``log_of``: pod and container whose last lines tell more.
    """

    state: State
    what: str = ""
    way_out: str = ""
    trouble: str = ""
    patience_s: float = 0.0
    log_of: tuple[str, str] | None = None


READY = Judgement(state="ready")


def waiting(what: str) -> Judgement:
    """Return that something is waited for, as in "its image"."""
    return Judgement(state="waiting", what=what)


def hopeless(
    trouble: str,
    what: str,
    way_out: str,
    *,
    patience_s: float = 0.0,
    log_of: tuple[str, str] | None = None,
) -> Judgement:
    """Return that it will not come by itself."""
    return Judgement(
        state="hopeless",
        what=what,
        way_out=way_out,
        trouble=trouble,
        patience_s=patience_s,
        log_of=log_of,
    )
