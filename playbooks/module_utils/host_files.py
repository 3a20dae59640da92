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


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file, none if it is missing."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def write_lines(path: Path, lines: list[str]) -> None:
    """Replace a file at once."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def copy(source: Path, target: Path) -> None:
    """Make a copy with mode, owner and times; links stay links."""
    shutil.copy2(source, target, follow_symlinks=False)
    entry = source.lstat()
    try:
        os.lchown(target, entry.st_uid, entry.st_gid)
    except OSError as error:
        # A FAT boot partition has no owners.
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise


def replace(source: Path, target: Path) -> None:
    """Put a copy of source in target's place, in one step where that is possible."""
    fresh = target.with_name(f"{target.name}.fogbed-new")
    copy(source, fresh)
    try:
        fresh.replace(target)
    except OSError as error:
        # A file that is itself a mount point, such as /etc/hosts of a container.
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        fresh.unlink()
        shutil.copyfile(source, target)
        shutil.copystat(source, target)


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
