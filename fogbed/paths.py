"""Where fogbed finds its own assets and keeps what it makes.

Assets (experiments, playbooks, profiles, inventory) stand at the top of a checkout and under
``fogbed/_assets`` in an installed wheel. The user's folders follow the XDG base directory
specification.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import platformdirs

from fogbed.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


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
    """Sockets, in a folder only this user can enter: ``$XDG_RUNTIME_DIR/fogbed``.

    Where no session made one, a 0700 folder in the temporary directory; one that somebody else
    owns is refused.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = (
        Path(base, "fogbed")
        if base and os.access(base, os.W_OK)
        else Path(tempfile.gettempdir(), f"fogbed-{os.getuid()}")
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = folder.lstat()
    # in a folder that all can write to, somebody may have put a link there before us
    if made.st_uid != os.getuid() or not stat.S_ISDIR(made.st_mode):
        raise UsageError(
            f"{folder} belongs to another user",
            hint="set XDG_RUNTIME_DIR to a folder of your own",
        )
    folder.chmod(0o700)
    return folder


def runs_dir() -> Path:
    """Where bundles go: ``./runs`` of the folder the command was started in."""
    return Path.cwd() / "runs"


def kubeconfig() -> Path:
    """Where kubectl looks for clusters: the first file of ``$KUBECONFIG``, else its default."""
    named = [place for place in os.environ.get("KUBECONFIG", "").split(os.pathsep) if place]
    return Path(named[0]) if named else Path.home() / ".kube" / "config"


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
