"""``fogbed render``: what would be applied, as text; the same testbed gives the same bytes."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.options import TestbedOption
from fogbed.errors import PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.plan.inventory import RENDERED

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show what would be applied, as text."
)

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default=False),
]
CheckOption = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Compare with FILE, or with what was applied last; exit 1 where they differ.",
    ),
]


@app.callback()
def render() -> None:
    """Show what would be applied, as text."""


@app.command(
    epilog="Example: fogbed render inventory -t testbed.yml -o hosts.yml; "
    "then fogbed render inventory -t testbed.yml -o hosts.yml --check"
)
def inventory(
    *, testbed: TestbedOption = None, output: OutputOption = None, check: CheckOption = False
) -> None:
    """Show the Ansible inventory of a testbed of Pis."""
    bed, _ = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed)
    text = platform.inventory()
    if check:
        _compare(output or platform.folder.inventory, text, applied=output is None)
    elif output is None:
        console.stream([text])
    else:
        _write(output, text)


def _write(path: Path, text: str) -> None:
    try:
        if path.is_file() and not _is_ours(path.read_bytes()):
            raise UsageError(
                f"{path} is there, and fogbed has not rendered it",
                hint="name another file, or remove that one first",
            )
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a device or a pipe: /dev/stdout
        else:
            write_whole(path.resolve(), text, keeps_rights=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError) as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _is_ours(content: bytes) -> bool:
    # an empty one is nobody's: mktemp makes it
    return not content or content.startswith(RENDERED.encode())


def _compare(path: Path, text: str, *, applied: bool) -> None:
    if not path.is_file():
        what = "no inventory has been applied yet" if applied else f"there is no file {path}"
        way_out = "fogbed up applies it" if applied else f"without --check, {path} is written"
        raise UsageError(f"{what}: there is nothing to compare with", hint=way_out)
    there = path.read_text(encoding="utf-8", errors="replace")
    if there == text:
        console.note(f"{path} is as the testbed says")
        return
    console.stream(
        difflib.unified_diff(
            there.splitlines(keepends=True),
            text.splitlines(keepends=True),
            str(path),
            "as the testbed says",
        )
    )
    way_out = "fogbed up applies it" if applied else f"fogbed render inventory -o {path}"
    raise PlatformError(f"{path} is not as the testbed says", hint=way_out)
