"""Where a dataset is made before it is published: whole or not at all, by one import at a time."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from fogbed import paths
from fogbed.errors import DatasetError, UsageError
from fogbed.locks import take_lock

_PREFIX: Final = ".importing-"
_LOCK: Final = "lock"
_OLD: Final = "old"
_PATIENCE_S: Final = 0.5


@contextmanager
def open_workshop(folder: Path) -> Iterator[Path]:
    """Give an empty folder on the disk of ``folder``, which is to be made; then remove it.

    It holds the name until it is closed. What stopped the import becomes our error.

    Raises:
        UsageError: nothing may be written there, or another import of this name is at work.
        DatasetError: what is there cannot be used, or the disk is full.
    """
    home = folder.parent / f"{_PREFIX}{folder.name}"
    paths.require_writable(folder.parent)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _held(home):
            _sweep(folder.parent, spare=home)
            yield home
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        raise _failed(folder, error) from error


def publish(made: Path, folder: Path) -> None:
    """Put what was made in its place; what was there before stays if that fails."""
    if folder.exists():
        folder.rename(made.parent / _OLD)
    made.rename(folder)


@contextmanager
def _held(home: Path) -> Iterator[None]:
    end = time.monotonic() + _PATIENCE_S
    # another import's sweep holds every workshop for a moment
    while (lock := _lock(home)) is None:
        if time.monotonic() > end:
            name = home.name.removeprefix(_PREFIX)
            raise UsageError(
                f"nothing was imported: another import of {name} is at work",
                hint="wait until it has ended, or choose another --name",
            )
        time.sleep(_PATIENCE_S / 10)
    try:
        _put_back(home)
        _clear(home)
        yield
    finally:
        _put_back(home)
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _put_back(home: Path) -> None:
    """Put what an import was about to replace back, if nothing has come into its place."""
    folder = home.with_name(home.name.removeprefix(_PREFIX))
    if (home / _OLD).exists() and not folder.exists():
        (home / _OLD).rename(folder)


def _lock(home: Path) -> int | None:
    """Return a descriptor that holds the folder; None while somebody else does."""
    while True:
        home.mkdir(exist_ok=True)
        try:
            # a lock on a file, not on the folder: NFS wants a descriptor that may write
            descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # who held it has just removed the folder
            continue
        if not take_lock(descriptor):
            os.close(descriptor)
            return None
        # ... or between our two calls: then ours locks nothing
        with suppress(FileNotFoundError):
            if (home / _LOCK).stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def _clear(home: Path) -> None:
    for left in home.iterdir():
        if left.name != _LOCK:
            shutil.rmtree(left, ignore_errors=True)


def _sweep(parent: Path, *, spare: Path) -> None:
    """Remove what imports that were killed left behind."""
    for left in parent.glob(f"{_PREFIX}*"):
        if left == spare:
            continue
        lock = _lock(left)
        if lock is not None:
            _put_back(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _failed(folder: Path, error: Exception) -> DatasetError:
    is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
        "No space left" in str(error) or "max_temp_directory_size" in str(error)
    )
    if is_full:
        return DatasetError(
            f"the disk is full: {folder.name} was not imported",
            hint=f"make room in {folder.parent} (about three times the unpacked sources), or set "
            "XDG_DATA_HOME to a folder on another disk",
        )
    return DatasetError(f"{folder.name} was not imported", details=" ".join(str(error).split()))
