"""What this computer lacks for a laptop testbed, and the way out of each.

Standard library only, at any import: ``make`` runs this very file before it downloads anything,
``fogbed doctor`` and ``fogbed demo`` ask the same functions later.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOM = 2 * 10**9  # bytes
LEAST_MEMORY = 2 * 2**30  # bytes
APT_LINE = "sudo apt install git make python3-venv"
RESTRICTION = "kernel/apparmor_restrict_unprivileged_userns"
PROFILE_FILE = "/etc/apparmor.d/fogbed"

_ISOLATION = ("--mount", "--net", "--pid", "--fork", "--kill-child")
_AS_USER = ("--user", "--map-root-user")


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``blocks``: without it no testbed comes up on this computer."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    blocks: bool = True


def run_checks(*, place: Path, proc_sys: Path = Path("/proc/sys")) -> list[Check]:
    """Return every check of this computer; ``place`` is where files will go."""
    if platform.system() != "Linux":
        return [check_system()]
    return [
        check_system(),
        check_python(),
        check_namespaces(proc_sys),
        check_room(place),
        check_memory(),
    ]


def check_system() -> Check:
    """Whether this is Linux: the laptop platform is made of Linux namespaces."""
    system = platform.system()
    if system == "Linux":
        return Check("system", ok=True, found=f"Linux {platform.release()}")
    fix = (
        "The laptop platform needs Linux namespaces. Use a Linux machine or virtual machine;\n"
        "on other systems platform kind (Kubernetes in containers) is the way: docs/kind.md."
    )
    return Check("system", ok=False, found=system, fix=fix)


def check_python() -> Check:
    """Whether this interpreter is new enough and what else ``make`` calls is there."""
    found = f"Python {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        fix = (
            f"fogbed needs Python 3.11 or newer: Debian 12 and Ubuntu 24.04 have it.\n  {APT_LINE}"
        )
        return Check("python", ok=False, found=f"{found} ({sys.executable})", fix=fix)
    missing = [name for name in ("unshare", "nsenter", "setsid") if shutil.which(name) is None]
    if missing:
        fix = "sudo apt install util-linux"
        return Check("programs", ok=False, found=f"missing: {', '.join(missing)}", fix=fix)
    return Check("python", ok=True, found=found)


def unshare_argv() -> list[str]:
    """Return how a program is started in namespaces of its own, by this user on this computer."""
    as_root = ["unshare", *_ISOLATION]
    if os.geteuid() == 0 and _works(as_root):
        return as_root
    return ["unshare", *_AS_USER, *_ISOLATION]


def check_namespaces(proc_sys: Path = Path("/proc/sys")) -> Check:
    """Whether namespaces can be made: tried, not guessed from configuration."""
    name = "namespaces"
    if os.geteuid() == 0 and _works(["unshare", *_ISOLATION]):
        return Check(name, ok=True, found="as root")
    if _works(["unshare", *_AS_USER, *_ISOLATION]):
        return Check(name, ok=True, found="as an ordinary user, in a user namespace")
    if _value(proc_sys / RESTRICTION) == "1":
        found = "AppArmor forbids them to unprivileged programs (Ubuntu 23.10 and newer)"
        return Check(name, ok=False, found=found, fix=apparmor_fix())
    if _value(proc_sys / "kernel/unprivileged_userns_clone") == "0":
        found = "the kernel forbids them to ordinary users"
        fix = "sudo make demo\nor, for good: sudo sysctl kernel.unprivileged_userns_clone=1"
        return Check(name, ok=False, found=found, fix=fix)
    if _value(proc_sys / "user/max_user_namespaces") == "0":
        found = "the kernel allows no user namespace (user.max_user_namespaces is 0)"
        fix = "sudo make demo\nor, for good: sudo sysctl user.max_user_namespaces=15000"
        return Check(name, ok=False, found=found, fix=fix)
    found = "this user may not make them"
    fix = (
        "sudo make demo\n"
        "In a container: start it with --privileged (it needs CAP_SYS_ADMIN and CAP_NET_ADMIN)."
    )
    return Check(name, ok=False, found=found, fix=fix)


def apparmor_fix() -> str:
    """Return the three ways out of Ubuntu's restriction, the narrowest first."""
    return "\n".join(
        [
            "1. Run as root; the files will be yours:",
            "     sudo make demo",
            "2. Allow it, for good, to this checkout's interpreter only. Write this profile to",
            f"   {PROFILE_FILE} (`fogbed doctor --apparmor-profile` prints it):",
            *(f"     {line}" for line in apparmor_profile().splitlines()),
            "   and load it:",
            f"     sudo apparmor_parser -r {PROFILE_FILE}",
            "3. Allow it to every program of this computer, until it is started again:",
            "     sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ]
    )


def apparmor_profile(program: str = sys.executable) -> str:
    """Return a profile that lets one program, and what it starts, make user namespaces.

    The program's real path counts, not that of a link: ``make`` copies the interpreter into the
    checkout's environment so that the whole system's Python is not meant. See apparmor.d(5).
    """
    return (
        "abi <abi/4.0>,\n"
        "include <tunables/global>\n"
        f'profile fogbed "{os.path.realpath(program)}" flags=(unconfined) {{\n'
        "  userns,\n"
        "  include if exists <local/fogbed>\n"
        "}\n"
    )


def check_room(place: Path) -> Check:
    """Whether the disk of ``place`` has the 2 GB that a set-up and a few runs take."""
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    fix = f"Make room, or work on another disk: {ROOM / 1e9:.0f} GB are needed."
    found = f"{free / 1e9:.1f} GB free in {place}"
    return Check("disk", ok=free >= ROOM, found=found, fix="" if free >= ROOM else fix)


def check_memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    """Whether enough memory is free for the demo's six processes; tells, never blocks."""
    lines = meminfo.read_text(encoding="ascii").splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    free = sizes.get("MemAvailable", 0)
    enough = free >= LEAST_MEMORY
    fix = "The demo takes 2 GB: close other programs, or expect Flink to be slow."
    found = f"{free / 2**30:.1f} GB available"
    return Check("memory", ok=enough, found=found, fix="" if enough else fix, blocks=False)


def _works(argv: list[str]) -> bool:
    try:
        done = subprocess.run([*argv, "true"], check=False, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _value(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def describe(check: Check) -> str:
    """Return a failed check as lines for a user."""
    fix = "\n".join(f"  {line}" for line in check.fix.splitlines())
    return f"{check.name}: {check.found}\n{fix}"


def main() -> int:
    """Look at this computer; print what is missing and return 1 if something blocks."""
    parser = argparse.ArgumentParser(description="What this computer lacks for a fogbed testbed.")
    parser.add_argument("--json", action="store_true", help="print every check as JSON")
    options = parser.parse_args()
    checks = run_checks(place=Path(__file__).resolve().parent)
    if options.json:
        sys.stdout.write(json.dumps([vars(check) for check in checks], indent=2) + "\n")
    else:
        for check in checks:
            if not check.ok:
                sys.stderr.write(describe(check) + "\n")
    return 1 if any(check.blocks and not check.ok for check in checks) else 0


if __name__ == "__main__":
    sys.exit(main())
