"""Links of plain names to places whose own names some reader cannot take.

They are in the user's runtime folder, named by what they point to, so that every command finds the
same one; like the sockets beside them they go when the session does, and are made again when
needed.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from fogbed import paths, spelling

_FOLDER = "links"


def plain(path: Path) -> Path:
    """Return an absolute path that every reader takes literally: itself, or a link to it."""
    return path if spelling.is_plain(path) else _link_to(path)


def for_flink(path: Path) -> Path:
    """Return a path that Flink's ``Path`` can name: itself, or a link to it."""
    return path if spelling.flink_takes(path) else _link_to(path)


def flink_uri(path: Path) -> str:
    """Return a file or folder as Flink reads it, through a link where it cannot be named."""
    return spelling.flink_uri(for_flink(path.absolute()))


def spelled(uri: str) -> str:
    """Return a URI as it was given to us so that Flink can name it; other schemes stay."""
    path = spelling.path_of(uri)
    return uri if path is None or spelling.flink_takes(path) else flink_uri(path)


def meant(uri: str) -> str:
    """Return a URI that Flink has named as it was before ``spelled``."""
    path = spelling.path_of(uri)
    return uri if path is None or real(path) == path else f"file://{real(path)}"


def real(path: Path) -> Path:
    """Return the place that was meant: a link of ours at the head of ``path`` is followed."""
    folder = paths.runtime_dir() / _FOLDER
    if path.parts[: len(folder.parts)] != folder.parts or path == folder:
        return path
    name, *below = path.relative_to(folder).parts
    with suppress(OSError):
        return (folder / name).readlink().joinpath(*below)
    return path


def _link_to(path: Path) -> Path:
    folder = paths.runtime_dir() / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    link = folder / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    # named by its target, it is right whoever made it first
    with suppress(FileExistsError):
        link.symlink_to(path)
    return link
