"""For whom ``sudo make`` works: files in a checkout of the user's own become the user's."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class User:
    """For whom files are made when ``make`` runs under sudo."""

    uid: int
    gid: int
    home: str

    def owns(self, path: Path) -> bool:
        """Whether a file or folder belongs to this user."""
        return path.lstat().st_uid == self.uid


def invoking_user(checkout: Path) -> User | None:
    """Return who called sudo for work in a checkout of their own; None in every other case."""
    uid = os.environ.get("SUDO_UID")
    if os.geteuid() != 0 or not uid or uid == "0":
        return None
    entry = pwd.getpwuid(int(uid))
    user = User(uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir)
    return user if user.owns(checkout) else None


def write_for(user: User | None, path: Path, text: str) -> None:
    """Write a small file that belongs to ``user``."""
    path.write_text(text, encoding="utf-8")
    if user is not None:
        os.chown(path, user.uid, user.gid)


def give_back(checkout: Path, user: User) -> None:
    """Let everything that root made in the checkout belong to the user who called sudo."""
    for folder, folders, files in os.walk(checkout):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.lstat().st_uid == 0:
                os.lchown(path, user.uid, user.gid)
