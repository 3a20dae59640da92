"""From what a user names to the files that are meant: names, and glob patterns.

What exists under a name is meant literally, whatever characters it is made of: a file, and also
the folders that a pattern begins with.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Sequence
from pathlib import Path


def find_files(names: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the files that names and patterns stand for, each once, and what is wrong with some.

    Two names of one file (links, another spelling) are one file.
    """
    found: dict[tuple[int, int], Path] = {}
    problems: list[str] = []
    for name in names:
        hits, problem = _meant(name)
        problems += [problem] if problem else []
        for path in map(Path, hits):
            identity = path.stat()
            found.setdefault((identity.st_dev, identity.st_ino), path)
    return list(found.values()), problems


def shown(path: str | Path) -> str:
    """Return a file's name as one line of plain text, whatever bytes it is made of."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _meant(name: str) -> tuple[list[str], str]:
    if os.path.lexists(name) or not glob.has_magic(name):
        problem = _problem_of(name)
        return ([] if problem else [name]), problem
    hits = sorted(glob.glob(_literal_where_it_exists(name), recursive=True))  # noqa: PTH207 - takes absolute patterns, Path.glob does not
    files = [hit for hit in hits if os.path.isfile(hit)]  # noqa: PTH113 - Path.is_file raises where a folder may not be entered
    return files, "" if files else f"{shown(name)}: no file matches; check the pattern"


def _literal_where_it_exists(pattern: str) -> str:
    parts = pattern.split("/")
    for count in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:count])
        if os.path.lexists(folder):
            return "/".join([glob.escape(folder), *parts[count:]])
    return pattern


def _problem_of(name: str) -> str:
    label = shown(name) or "''"
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - the empty text is no path, Path takes it for one
    except (FileNotFoundError, NotADirectoryError):
        return f"{label}: no such file; check the path"
    except OSError as error:
        return f"{label}: cannot be reached ({error.strerror}); check the path and its rights"
    if stat.S_ISDIR(mode):
        return f"{label}: a folder; name its files, as in '{label.rstrip('/')}/*.parquet'"
    if not stat.S_ISREG(mode):
        return f"{label}: a pipe or a device, and files are read twice; save it to a file first"
    return ""
