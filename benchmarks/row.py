"""One line of the benchmark's table.

Every benchmark module offers ``measure(*, quick: bool) -> Iterator[Row]``: it yields a row as soon
as it has it; ``quick`` shortens the measuring so that the runner itself can be tried.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure with its goal and what it is compared with.

    Attributes:
        figure: What was measured, in words.
        value: The measured value with its unit, as shown.
        goal: What was promised, as shown; empty where a figure is for information.
        anchor: What it is compared with and that one's value, measured in the same run.
        ratio: Value over anchor (or as the goal says), as shown.
        ok: Whether the goal is met; None where there is none or it could not be measured.
        note: Why it fails or was not measured.
    """

    figure: str
    value: str
    goal: str = ""
    anchor: str = ""
    ratio: str = ""
    ok: bool | None = None
    note: str = ""
