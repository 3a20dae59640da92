"""The only module that prints: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fogbed.clients.progress import Step, Watch
from fogbed.errors import FogbedError

# What users wrote is shown as they wrote it: rich would take "pico-[2:9]" for markup and turn the
# line number in "testbed.yml:100:" into an emoji.
_AS_WRITTEN: dict[str, Any] = {
    "soft_wrap": True,
    "markup": False,
    "emoji": False,
    "highlight": False,
}


class _Place(Console):
    """Where what is shown goes; a reader that has seen enough does not end the command."""

    def on_broken_pipe(self) -> None:
        """Go on to the command's own end and exit code: rich would end with 1, without a word."""
        nobody_reads(self.file)


_out = _Place(**_AS_WRITTEN)
_err = _Place(stderr=True, **_AS_WRITTEN)

_NO_EDGE = 10_000  # columns
_READABLE = 12  # columns
# A step shorter than this needs no word about its end where there is no terminal.
_WORTH_SAYING_S = 2.0


def set_verbose(*, verbose: bool) -> None:
    """Send the log to stderr: everything of fogbed's own when verbose, else warnings."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=_err, show_path=False)],
        force=True,
    )
    # others' lines would bury ours: the Kubernetes client's each time it tries again, before what
    # we say about the last one; matplotlib's when it looks at every font there is
    for library in ("urllib3", "matplotlib"):
        logging.getLogger(library).setLevel(logging.ERROR)
    logging.getLogger("fogbed").setLevel(logging.DEBUG if verbose else logging.WARNING)


def say(text: str) -> None:
    """Print a result as it is, without markup."""
    _out.print(text)


def note(text: str) -> None:
    """Print something the user should know, to stderr."""
    _err.print(text)


def say_json(value: Any) -> None:  # noqa: ANN401 - whatever json can hold
    """Print a value as JSON, for programs."""
    _out.out(json.dumps(value, indent=2, default=str), highlight=False)


def say_json_line(value: Any) -> None:  # noqa: ANN401 - whatever json can hold
    """Print a value as one line of JSON, at once.

    Raises:
        BrokenPipeError: its reader has seen enough; see ``nobody_reads``.
    """
    pass_on(json.dumps(value, default=str))


def is_terminal() -> bool:
    """Say whether somebody watches: stderr, where progress goes, is a terminal."""
    return _err.is_terminal


def can_ask() -> bool:
    """Say whether somebody can answer a question."""
    return sys.stdin.isatty() and _err.is_terminal


def ask_secret(what: str) -> str:
    """Return what is typed without showing it; a line of stdin where there is no terminal."""
    if can_ask():
        return getpass.getpass(f"{what}: ", stream=sys.stderr)
    return sys.stdin.readline().rstrip("\n")


def pass_on(line: str, *, to_stderr: bool = False) -> None:
    """Print a line that another program wrote, at once: plainly, for there may be many.

    Raises:
        BrokenPipeError: its reader has seen enough; see ``nobody_reads``.
    """
    file = sys.stderr if to_stderr else sys.stdout
    file.write(f"{line}\n")
    file.flush()


def nobody_reads(file: IO[str] | None = None) -> None:
    """Let what is still written to a file (stdout) go nowhere: Python flushes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (file or sys.stdout).fileno())


def stream(pieces: Iterable[str]) -> None:
    """Print a long result a piece at a time; a reader that has seen enough ends it quietly."""
    try:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print rows under column names; whole, whatever the width, where it is not a terminal.

    A terminal too narrow for the columns gets a paragraph per row instead, a value to a line.
    """
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*row)
    place = _out if _out.is_terminal else _Place(width=_NO_EDGE, **_AS_WRITTEN)
    if _is_too_narrow(columns, rows, place.width):
        place.print("\n\n".join([*([title] if title else []), *_paragraphs(columns, rows)]))
    else:
        place.print(table, soft_wrap=False)


def _is_too_narrow(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Say whether columns would have to be squeezed below what can be read.

    A value may be folded down to ``_READABLE`` columns, and takes three more for its frame.
    """
    widest = [
        max(cell_len(line) for cell in column for line in (cell.splitlines() or [""]))
        for column in zip(columns, *rows, strict=True)
    ]
    return sum(min(each, _READABLE) + 3 for each in widest) + 1 > width


def _paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        named = zip(columns, row, strict=True)
        yield "\n".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)


def show_error(error: FogbedError) -> None:
    """Print an error: what and where, what a program said, the way out."""
    _err.print(f"error: {error.message}", style="bold red")
    if error.details:
        _err.print(error.details)
    if error.hint:
        _err.print(f"hint: {error.hint}")


class _BarStep:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def advance(self, done: float, note: str = "") -> None:
        self._bar.update(self._task, completed=done, note=note)


class _PlainStep:
    def advance(self, done: float, note: str = "") -> None:
        """Say nothing: a log is not a place for bars."""


class LiveProgress:
    """Progress on stderr: a live line per step on a terminal, plain lines elsewhere."""

    @contextmanager
    def step(self, what: str, *, total: float | None = None) -> Iterator[Step]:
        """Show one step until it ends."""
        if not _err.is_terminal:
            with _plain_step(what) as step:
                yield step
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
        more = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False))
        with Progress(*columns, *more, console=_err, transient=True) as bar:
            task = bar.add_task(what, total=total, note="")
            yield _BarStep(bar, task)

    def note(self, text: str) -> None:
        """Print a line that stays."""
        note(text)

    def playbook(self) -> AbstractContextManager[Watch]:
        """Show a playbook until it ends: phase, task, what each node does."""
        from fogbed.cli.playbook_view import watched

        return watched(LiveLines())


class _Area:
    """Something on stderr that is redrawn in place; lines said meanwhile stay above it."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def _begun(self) -> Live:
        if self._live is None:
            self._live = Live(console=_err, refresh_per_second=4, transient=True)
            self._live.start()
        return self._live

    def note(self, text: str) -> None:
        """Print a line that stays, above what is drawn."""
        _err.print(text)

    def close(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table's content: names of columns, and rows of as many cells."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]


def _plain_table(content: Rows) -> Table:
    table = Table(*content.columns, box=None)
    for row in content.rows:
        table.add_row(*row)
    return table


class LiveTable(_Area):
    """Figures that are redrawn in place, from ``open`` on."""

    def open(self) -> None:
        """Begin to draw."""
        self._begun()

    def update(
        self, title: str, figures: Sequence[tuple[str, str]], tables: Sequence[Rows]
    ) -> None:
        """Draw figures (name, value) beside tables; one without rows is left out."""
        if self._live is None:
            return
        first = Table(box=None, show_header=False, title=title, title_justify="left")
        for row in figures:
            first.add_row(*row)
        others = [_plain_table(each) for each in tables if each.rows]
        self._live.update(Columns([first, *others], padding=(0, 4)))


class LiveLines(_Area):
    """A few lines that are redrawn in place; where there is no terminal only the notes are said."""

    def update(self, lines: Iterable[str]) -> None:
        """Redraw."""
        if _err.is_terminal:
            self._begun().update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))


@contextmanager
def _plain_step(what: str) -> Iterator[Step]:
    note(what)
    started = time.monotonic()
    yield _PlainStep()
    took_s = time.monotonic() - started
    if took_s > _WORTH_SAYING_S:
        note(f"{what}: done in {took_s:.1f} s")
