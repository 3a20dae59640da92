"""Rendered texts in files: written, and compared with what is there."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from fogbed.cli import console
from fogbed.errors import PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.plan.inventory import RENDERED


def write_file(path: Path, text: str) -> None:
    """Write a rendered text, over one that was rendered and over nothing else.

    Raises:
        UsageError: it is somebody's own, or cannot be written.
    """
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


def compare_file(path: Path, text: str, *, applied: bool) -> None:
    """Return if a file is as rendered; ``applied``: it is what was applied last.

    Raises:
        UsageError: there is none.
        PlatformError: it differs, in what has been printed.
    """
    if not path.is_file():
        what = "no inventory has been applied yet" if applied else f"there is no file {path}"
        way_out = "fogbed up applies it" if applied else f"without --check, {path} is written"
        raise UsageError(f"{what}: there is nothing to compare with", hint=way_out)
    there = path.read_text(encoding="utf-8", errors="replace")
    if there == text:
        console.note(f"{path} is as the testbed says")
        return
    console.stream(_difference(path, there, text))
    way_out = "fogbed up applies it" if applied else f"fogbed render inventory -o {path}"
    raise PlatformError(f"{path} is not as the testbed says", hint=way_out)


def write_folder(
    folder: Path, texts: Mapping[str, str], kinds: Collection[str], *, whole: bool = True
) -> None:
    """Write a file for each of ``texts``; ``whole``: what was rendered there else goes.

    ``kinds``: suffixes of files that are rendered so.

    Raises:
        UsageError: it is no folder, has a file of somebody's own there, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name another one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # what the testbed has no more must not be applied with the rest
        for name in _rendered_in(folder, kinds) - texts.keys() if whole else ():
            (folder / name).unlink()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    for name, text in texts.items():
        write_file(folder / name, text)


def compare_folder(
    folder: Path | None,
    texts: Mapping[str, str],
    kinds: Collection[str],
    *,
    command: str,
    whole: bool = True,
) -> None:
    """Return if a folder has ``texts``, and nothing else that was rendered if they are ``whole``.

    ``command`` renders them.

    Raises:
        UsageError: no folder is named, or there is none.
        PlatformError: files differ, in what has been printed.
    """
    if folder is None or not folder.is_dir():
        what = "no folder is named" if folder is None else f"there is no folder {folder}"
        raise UsageError(
            f"{what}: there is nothing to compare with",
            hint=f"{command} -o FOLDER writes one; fogbed status compares with what runs",
        )
    differing = []
    for name in sorted(texts.keys() | (_rendered_in(folder, kinds) if whole else set())):
        path = folder / name
        there = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if there != texts.get(name, ""):
            differing.append(name)
            console.stream(_difference(path, there, texts.get(name, "")))
    if differing:
        raise PlatformError(
            f"{folder} is not as the testbed says: {', '.join(differing)}",
            hint=f"{command} -o {folder}",
        )
    console.note(f"{folder} is as the testbed says")


def _rendered_in(folder: Path, kinds: Collection[str]) -> set[str]:
    """Return the files of a folder that fogbed has rendered."""
    return {
        path.name
        for path in folder.iterdir()
        if path.suffix in kinds
        and path.is_file()
        # an empty one may be somebody's
        and path.read_bytes().startswith(RENDERED.encode())
    }


def _difference(path: Path, there: str, text: str) -> Iterator[str]:
    return difflib.unified_diff(
        there.splitlines(keepends=True),
        text.splitlines(keepends=True),
        str(path),
        "as the testbed says",
    )


def _is_ours(content: bytes) -> bool:
    # an empty one is nobody's: mktemp makes it
    return not content or content.startswith(RENDERED.encode())
