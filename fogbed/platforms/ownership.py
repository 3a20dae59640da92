"""Under sudo, what fogbed makes belongs to the user who called it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fogbed import paths


def give_back(*made: Path) -> None:
    """Let files and folders that root owns (and all that is in them) belong to who called sudo.

    Without sudo nothing is done. Links themselves are given, never what they point to.
    """
    user = paths.invoking_user()
    if user is None:
        return
    for path in made:
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                _give(Path(folder, name), user)
        _give(path, user)


def _give(path: Path, user: tuple[int, int]) -> None:
    with suppress(FileNotFoundError):  # Flink removes files of its own at any time
        if path.lstat().st_uid == 0:
            os.lchown(path, *user)
