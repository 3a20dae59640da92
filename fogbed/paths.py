"""Where fogbed finds its own assets and keeps what it makes.

Assets (experiments with profiles, playbooks with their ansible.cfg, inventory, manifests) stand at
the top of a checkout and under ``fogbed/_assets`` in an installed wheel. The user's folders follow
the XDG base directory specification.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from fogbed import spelling
from fogbed.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent
# a socket's path has 107 bytes (unix(7)); a testbed's name up to 63, and then ".keeper"
_LONGEST_RUNTIME_DIR = 107 - len("/.keeper") - 63
_LEAST_ROOM = 2**20  # bytes: a file system with less takes no file of ours


def asset(*parts: str) -> Path:
    """Return the path of a shipped file or folder, as in ``asset("experiments", "demo.yml")``.

    Raises:
        UsageError: this installation does not have it.
    """
    for root in (_PACKAGE / "_assets", _PACKAGE.parent):
        found = root.joinpath(*parts)
        if found.exists():
            return found
    raise UsageError(
        f"{'/'.join(parts)} is not part of this installation of fogbed",
        hint="install fogbed-testbed again, or run from a complete checkout",
    )


def data_dir() -> Path:
    """Where datasets live: ``$XDG_DATA_HOME/fogbed``."""
    return Path(platformdirs.user_data_dir("fogbed", appauthor=False))


def cache_dir() -> Path:
    """What can be made again: ``$XDG_CACHE_HOME/fogbed`` (class-data archives)."""
    return Path(platformdirs.user_cache_dir("fogbed", appauthor=False))


def state_dir() -> Path:
    """What must outlive a command: ``$XDG_STATE_HOME/fogbed`` (testbeds that are up, logs)."""
    return Path(platformdirs.user_state_dir("fogbed", appauthor=False))


def runtime_dir() -> Path:
    """Sockets and links, in a folder only this user can enter: ``$XDG_RUNTIME_DIR/fogbed``.

    Where no session made one, or its path is too long for a socket or not plain, a 0700 folder in
    the temporary directory, or in /tmp.

    Raises:
        UsageError: it belongs to somebody else, or cannot be made.
    """
    folder = next(filter(_suits, _runtime_candidates()), _last_resort())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = folder.lstat()
    except OSError as error:
        raise UsageError(
            f"{folder}, for sockets, cannot be made: {error.strerror}",
            hint="set XDG_RUNTIME_DIR to a folder of your own, with a short and plain path",
        ) from error
    # in a folder that all can write to, somebody may have put a link there before us
    if made.st_uid != os.getuid() or not stat.S_ISDIR(made.st_mode):
        raise UsageError(
            f"{folder} belongs to another user",
            hint="set XDG_RUNTIME_DIR to a folder of your own",
        )
    folder.chmod(0o700)
    return folder


def _runtime_candidates() -> Iterator[Path]:
    base = os.environ.get("XDG_RUNTIME_DIR")
    # under su and sudo it may be another user's: what root makes there, that user cannot enter
    if base and os.access(base, os.W_OK | os.X_OK) and Path(base).stat().st_uid == os.getuid():
        yield Path(base, "fogbed")
    yield Path(tempfile.gettempdir(), f"fogbed-{os.getuid()}")


def _last_resort() -> Path:
    return Path("/tmp", f"fogbed-{os.getuid()}")  # noqa: S108 - ours or refused


def _suits(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _LONGEST_RUNTIME_DIR and spelling.is_plain(folder)


def require_writable(*folders: Path, room: int = _LEAST_ROOM) -> None:
    """Return if ``room`` bytes of files can be made below each folder, which need not exist yet.

    Java reads there too, and takes only names in UTF-8.

    Raises:
        UsageError: not in all of them; a line for each, with the way out. Nothing was touched.
    """
    problems = [
        problem for folder in dict.fromkeys(folders) if (problem := _unwritable(folder, room))
    ]
    if problems:
        what = "this folder" if len(problems) == 1 else "these folders"
        raise UsageError(f"fogbed cannot write into {what}", details="\n".join(problems))


def _unwritable(folder: Path, room: int) -> str | None:
    there = folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    way_out = _another(folder)
    if not spelling.is_text(folder):
        return (
            f"{spelling.shown(folder)}: its name is not UTF-8, and Java cannot read it; {way_out}"
        )
    if not there.is_dir():
        return f"{folder}: {there} is not a folder; {way_out}"
    file_system = os.statvfs(there)
    if file_system.f_flag & os.ST_RDONLY:
        return f"{folder}: {there} is on a file system that is read-only; {way_out}"
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        owner = _name_of(there.stat().st_uid)
        return f"{folder}: you may not write into {there}, which is {owner}'s; {way_out}"
    free = file_system.f_bavail * file_system.f_frsize
    if file_system.f_blocks and free < room:  # a file system of the kernel's own has no blocks
        found = f"{free / 1e6:.1f} MB are free on the disk of {there}, {room / 1e6:.0f} needed"
        return f"{folder}: {found}; make room, or {way_out}"
    return None


def is_full(folder: Path) -> bool:
    """Whether the disk of an existing folder has no room for another file of ours."""
    file_system = os.statvfs(folder)
    return file_system.f_bavail * file_system.f_frsize < _LEAST_ROOM


def _another(folder: Path) -> str:
    for kind, variable in ((data_dir, "DATA"), (cache_dir, "CACHE"), (state_dir, "STATE")):
        if folder.is_relative_to(kind()):
            return f"set XDG_{variable}_HOME to a folder that can be written"
    return "name another folder"


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def runs_dir() -> Path:
    """Where bundles go: ``./runs`` of the folder the command was started in."""
    return Path.cwd() / "runs"


def kubeconfig() -> Path:
    """Where kubectl looks for clusters: the first file of ``$KUBECONFIG``, else its default."""
    return kubeconfigs()[0]


def kubeconfigs() -> tuple[Path, ...]:
    """Every file in which kubectl looks for clusters: in the first that has it, it finds it."""
    named = [place for place in os.environ.get("KUBECONFIG", "").split(os.pathsep) if place]
    return tuple(map(Path, named)) or (Path.home() / ".kube" / "config",)


def java_home() -> Path | None:
    """Where the user says their Java is: ``$JAVA_HOME``."""
    named = os.environ.get("JAVA_HOME")
    return Path(named) if named else None


def invoking_user() -> tuple[int, int] | None:
    """Return (uid, gid) of who called sudo; None where it was nobody, or root itself."""
    uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or not uid or uid == "0":
        return None
    return int(uid), int(gid or uid)
