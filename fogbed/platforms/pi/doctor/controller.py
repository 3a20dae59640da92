"""What this computer has and lacks to make a testbed of Pis."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path

from fogbed import __version__, paths
from fogbed.clients import process
from fogbed.errors import CommandError
from fogbed.platforms.pi.reach.ssh import located
from fogbed.platforms.preflight import Check, check_room
from fogbed.spec.testbed import Testbed

_EXTRA = "pip install 'fogbed-testbed[pi]'"
_PACKAGES = ("ansible-core", "ansible-runner", "kubernetes")
_OTHERS = 0o077
_TIMEOUT_S = 10.0


def examine_controller(testbed: Testbed) -> list[Check]:
    """Return every check of this computer."""
    return [
        Check("fogbed", ok=True, found=f"{__version__}, Python {platform.python_version()}"),
        check_client(),
        *(check_package(name) for name in _PACKAGES),
        *([check_key(Path(located(testbed.ssh).key))] if testbed.ssh else []),
        check_room(paths.state_dir()),
        check_clock(),
    ]


def check_client() -> Check:
    """Whether OpenSSH's client is here."""
    try:
        said = process.run(["ssh", "-V"], timeout_s=_TIMEOUT_S).stderr.strip()
    except CommandError:
        fix = "sudo apt install openssh-client"
        return Check("ssh", ok=False, found="there is no ssh", fix=fix)
    return Check("ssh", ok=True, found=said.split(",")[0])


def check_package(name: str) -> Check:
    """Whether one of the Python packages is here, and which version."""
    try:
        return Check(name, ok=True, found=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, ok=False, found="not installed", fix=_EXTRA)


def check_key(path: Path) -> Check:
    """Whether the private key is there, and ssh would use it."""
    try:
        mode = path.stat().st_mode
        path.open("rb").close()
    except OSError as error:
        fix = f"make one: ssh-keygen -t ed25519 -f {path}; then ssh-copy-id -i {path} to each node"
        return Check("key", ok=False, found=f"{path}: {error.strerror}", fix=fix)
    if mode & _OTHERS:
        found = f"{path} can be read by others, so ssh does not use it"
        return Check("key", ok=False, found=found, fix=f"chmod 600 {path}")
    if _is_locked(path):
        found = f"{path} has a passphrase, and no ssh-agent holds it"
        return Check("key", ok=False, found=found, fix=f"ssh-add {path}")
    return Check("key", ok=True, found=str(path))


def _is_locked(path: Path) -> bool:
    """Whether only a passphrase opens a key; False also where that cannot be found out."""
    try:
        opened = process.run(["ssh-keygen", "-y", "-P", "", "-f", path], timeout_s=_TIMEOUT_S)
        shown = process.run(["ssh-keygen", "-l", "-f", path], timeout_s=_TIMEOUT_S)
        held = process.run(["ssh-add", "-l"], timeout_s=_TIMEOUT_S)
    except CommandError:
        return False
    # its size, its fingerprint and its comment
    fingerprint = shown.stdout.split()[1:2] or ["unknown"]
    return "passphrase" in opened.stderr and fingerprint[0] not in held.stdout


def check_clock() -> Check:
    """Whether a time server holds this computer's clock; nodes are compared with it."""
    unknown = Check("clock", ok=True, found="not known who holds it", blocks=False)
    if shutil.which("timedatectl") is None:
        return unknown
    argv = ["timedatectl", "show", "-p", "NTPSynchronized", "--value"]
    said = process.run(argv, timeout_s=_TIMEOUT_S)
    if said.returncode != 0:
        return unknown
    held = said.stdout.strip() == "yes"
    found = "held by a time server" if held else "no time server holds it"
    fix = "" if held else "sudo timedatectl set-ntp true"
    return Check("clock", ok=held, found=found, fix=fix, blocks=False)
