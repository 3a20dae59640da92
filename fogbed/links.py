"""Links of plain names to places whose own names some reader cannot take.

They are in the user's runtime folder, named by what they point to, so that every command finds the
same one; like the sockets beside them they go when the session does, and are made again when
needed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fogbed import paths, spelling
from fogbed.errors import UsageError

_FOLDER = "links"


def plain(path: Path) -> Path:
    """Return an absolute path that every reader takes literally: itself, or a link to it."""
    return _named(path, spelling.is_plain)


def for_flink(path: Path) -> Path:
    """Return a path that Flink's ``Path`` can name: itself, or a link to it."""
    return _named(path, spelling.flink_takes)


def flink_uri(path: Path) -> str:
    """Return a file or folder as Flink reads it, through a link where it cannot be named."""
    return spelling.flink_uri(for_flink(path.absolute()))


def spelled(uri: str) -> str:
    """Return a URI as it was given to us so that Flink can name it; other schemes stay."""
    path = spelling.path_of(uri)
    return uri if path is None else flink_uri(path)


def meant(uri: str) -> str:
    """Return a URI that Flink has named as it was before ``spelled``."""
    path = spelling.path_of(uri)
    return uri if path is None or real(path) == path else f"file://{spelling.text_of(real(path))}"


def real(path: Path) -> Path:
    """Return the place that was meant: a link of ours at the head of ``path`` is followed."""
    folder = paths.runtime_dir() / _FOLDER
    if path.parts[: len(folder.parts)] != folder.parts or path == folder:
        return path
    name, *below = path.relative_to(folder).parts
    with suppress(OSError):
        return (folder / name).readlink().joinpath(*below)
    return path


def _named(path: Path, takes: Callable[[Path], bool]) -> Path:
    """Return ``path`` with everything down to the last name that cannot be taken as a link.

    Raises:
        UsageError: it is not UTF-8, and so has no name for Java.
    """
    if not spelling.is_text(path):
        raise UsageError(
            f"{spelling.shown(path)}: its name is not UTF-8, and Java cannot read it",
            hint="use a folder whose whole path is UTF-8",
        )
    parts = path.parts[1:]  # "//" means no more than "/" on Linux
    strange = [place for place, name in enumerate(parts, 1) if not takes(Path("/", name))]
    if not strange:
        return Path("/", *parts)
    head, below = parts[: strange[-1]], parts[strange[-1] :]
    return _link_to(Path("/", *head)).joinpath(*below)


def _link_to(path: Path) -> Path:
    folder = paths.runtime_dir() / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    link = folder / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    # nobody can make a folder through a link that leads nowhere
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    # named by its target, it is right whoever made it first
    with suppress(FileExistsError):
        link.symlink_to(path)
    return link
