"""Files of a host, replaced so that a run killed anywhere leaves the old one or the new one."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import shutil
from pathlib import Path


def there_is(path: Path) -> bool:
    """Return whether there is something, be it a link to nothing."""
    return path.exists() or path.is_symlink()


def read_text(path: Path) -> str:
    """Return the text of a file, an empty one if it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file, none if it is missing."""
    return read_text(path).splitlines()


def write_text(path: Path, text: str, *, mode: int = 0o644, folder_mode: int = 0o755) -> None:
    """Replace a file at once, with a mode of its own; make its folder if that is missing."""
    write_bytes(path, text.encode(), mode=mode, folder_mode=folder_mode)


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644, folder_mode: int = 0o755) -> None:
    """As ``write_text``, for what may be no text."""
    path.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
    # hidden: programs that read a whole folder pass over it
    fresh = path.with_name(f".{path.name}.fogbed-new")
    with fresh.open("wb") as file:
        fresh.chmod(mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def write_lines(path: Path, lines: list[str]) -> None:
    """Replace a file of lines at once."""
    write_text(path, "".join(f"{line}\n" for line in lines))


def own(path: Path, like: os.stat_result) -> None:
    """Give a file, or a link itself, the owner of another."""
    try:
        os.lchown(path, like.st_uid, like.st_gid)
    except OSError as error:
        # A FAT boot partition has no owners.
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise


def move(fresh: Path, target: Path) -> None:
    """Put a file in another's place, in one step where that is possible."""
    try:
        fresh.replace(target)
    except OSError as error:
        # A file that is itself a mount point, such as /etc/hosts of a container.
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        shutil.copyfile(fresh, target)
        shutil.copystat(fresh, target)
        fresh.unlink()


def copy(source: Path, target: Path) -> None:
    """Make a copy with mode, owner and times; links stay links."""
    shutil.copy2(source, target, follow_symlinks=False)
    own(target, source.lstat())


def replace(source: Path, target: Path) -> None:
    """Put a copy of source in target's place."""
    fresh = target.with_name(f"{target.name}.fogbed-new")
    copy(source, fresh)
    move(fresh, target)


def same(one: Path, other: Path) -> bool:
    """Return whether two files have the same contents and mode."""
    if not there_is(other) or one.is_symlink() != other.is_symlink():
        return False
    if one.is_symlink():
        return one.readlink() == other.readlink()
    modes = [path.stat().st_mode for path in (one, other)]
    return filecmp.cmp(one, other, shallow=False) and modes[0] == modes[1]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the words of a link; a hyphen where there is neither."""
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "-"
