"""The only module that prints: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from fogbed.clients.progress import Step
from fogbed.errors import FogbedError

_out = Console(soft_wrap=True)
_err = Console(stderr=True, soft_wrap=True)


def set_verbose(*, verbose: bool) -> None:
    """Send the log to stderr: everything when verbose, else warnings."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=_err, show_path=False)],
        force=True,
    )


def say(text: str) -> None:
    """Print a result as it is, without markup."""
    _out.print(text, markup=False, highlight=False)


def note(text: str) -> None:
    """Print something the user should know, to stderr."""
    _err.print(text, markup=False, highlight=False)


def say_json(value: Any) -> None:  # noqa: ANN401 - whatever json can hold
    """Print a value as JSON, for programs."""
    _out.out(json.dumps(value, indent=2, default=str), highlight=False)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print rows under column names."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*row)
    _out.print(table)


def show_error(error: FogbedError) -> None:
    """Print an error: what and where, what a program said, the way out."""
    _err.print(f"error: {error.message}", style="bold red", markup=False, highlight=False)
    if error.details:
        _err.print(error.details, markup=False, highlight=False)
    if error.hint:
        _err.print(f"hint: {error.hint}", markup=False, highlight=False)


class _LiveStep:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def advance(self, done: float, note: str = "") -> None:
        self._bar.update(self._task, completed=done, note=note)


class LiveProgress:
    """Progress on stderr: a live line per step on a terminal, plain lines elsewhere."""

    @contextmanager
    def step(self, what: str, *, total: float | None = None) -> Iterator[Step]:
        """Show one step until it ends."""
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
        more = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False))
        with Progress(*columns, *more, console=_err, transient=not _err.is_terminal) as bar:
            task = bar.add_task(what, total=total, note="")
            if not _err.is_terminal:
                note(what)
            yield _LiveStep(bar, task)
            bar.update(task, total=total or 1.0, completed=total or 1.0)

    def note(self, text: str) -> None:
        """Print a line that stays."""
        note(text)
