"""Grafana beside a laptop testbed: which program it is, who is let in, and how it is doing."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fogbed.clients import process
from fogbed.clients.readiness import grafana_is_ready
from fogbed.errors import CommandError, PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.plan.local_processes import GRAFANA
from fogbed.plan.services.grafana_laptop import (
    LOGIN,
    GrafanaProgram,
    conf_folder,
    data_folder,
    login_file,
    provisioning_folder,
)
from fogbed.plan.services.grafana_settings import ADMIN
from fogbed.platforms.base import Credentials, Opened
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.logs import end_of
from fogbed.spec.testbed import Testbed

OLDEST = 9  # the first one that knows all that it is told
INSTALL = "Grafana's own package or archive, its bin/ on PATH or in /usr/share/grafana"
# as its packages and archives call it, from the newest to what 9 still has
_NAMES = (("grafana", ("server",)), ("grafana-server", ()))
_HOME = Path("/usr/share/grafana")  # of its packages for Debian and Fedora
_DEFAULTS = Path("conf", "defaults.ini")
_VERSION = re.compile(r"version (\d+(?:\.\d+)*\S*)", re.IGNORECASE)
_WRONG = re.compile(r"\berror\b", re.IGNORECASE)
_SECRET_BYTES = 24
# its database is made at its first start, which takes a slow disk long
_READY_S, _PAUSE_S = 60.0, 0.1
_LONGEST_REASON = 200  # characters
# without them it says at each start that they are missing
_FOLDERS = ("plugins", "alerting")


def find_grafana() -> GrafanaProgram | None:
    """Return the program on PATH or where packages put it, with its home; None without either."""
    for name, words in _NAMES:
        for program in _candidates(name):
            home = _home_of(program)
            if home is None:
                continue
            # what is on PATH may be a package's script, which names folders of the whole system
            own = home / "bin" / name
            meant = own if own.is_file() else program
            version = _version(meant, words)
            return GrafanaProgram(program=meant, words=words, home=home, version=version)
    return None


def _candidates(name: str) -> Iterator[Path]:
    found = shutil.which(name)
    if found is not None:
        yield Path(found).absolute()
    if (_HOME / "bin" / name).is_file():
        yield _HOME / "bin" / name


def _home_of(program: Path) -> Path | None:
    """Return the folder of its pages and defaults: the one that its ``bin`` is in, as a rule."""
    prefix = program.resolve().parent.parent
    places = (prefix, prefix / "share" / "grafana", _HOME)
    return next((each for each in places if (each / _DEFAULTS).is_file()), None)


def is_new_enough(grafana: GrafanaProgram) -> bool:
    """Whether it knows all that it is told; one that does not tell its version does."""
    numbers = re.match(r"(\d+)", grafana.version)
    return numbers is None or int(numbers[1]) >= OLDEST


def grafana_for(testbed: Testbed) -> GrafanaProgram | None:
    """Return what shows a testbed's figures, None where nothing does.

    A testbed that says nothing of it has one where it has Prometheus and the program is here.

    Raises:
        UsageError: it asks for one, and there is none here, or only one that is too old.
    """
    asked = testbed.services.grafana.enabled
    if asked is False or not testbed.services.prometheus.enabled:
        return None
    found = find_grafana()
    if found is not None and is_new_enough(found):
        return found
    if asked is None:
        return None
    without = "or write services: {grafana: {enabled: false}}"
    if found is None:
        raise UsageError(
            f"testbed {testbed.name} asks for Grafana, and there is no program grafana here",
            hint=f"get {INSTALL}; {without}",
        )
    raise UsageError(
        f"{found.program} is version {found.version}, and fogbed needs {OLDEST} or newer",
        hint=f"put a newer one first on PATH, {without}",
    )


def _version(program: Path, words: tuple[str, ...]) -> str:
    try:
        done = process.run([str(program), *words, "-v"], timeout_s=30.0)
    except CommandError:
        return "unknown"
    match = _VERSION.search(done.stdout + done.stderr)
    return match[1] if match else "unknown"


def prepare(folder: TestbedFolder) -> None:
    """Make what Grafana begins with, before its files are written: who is let in, and folders.

    Admin's password is made once. All that it shows is in files: what somebody changed in it is
    gone, as it is on a cluster, and so is what another version of fogbed had given it.
    """
    for made in (data_folder(folder.root), conf_folder(folder.root)):
        shutil.rmtree(made, ignore_errors=True)
    (data_folder(folder.root) / "plugins").mkdir(parents=True)
    for name in _FOLDERS:
        (provisioning_folder(folder.root) / name).mkdir(parents=True, exist_ok=True)
    for name in LOGIN:
        file = login_file(folder.root, name)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if not file.is_file():
            write_whole(file, secrets.token_urlsafe(_SECRET_BYTES), mode=0o600)


def once_ready(opened: Opened, folder: TestbedFolder) -> Opened:
    """Return where Grafana is and who is let in, as soon as it answers.

    Raises:
        PlatformError: it does not, or nobody knows its password any more.
    """
    deadline = time.monotonic() + _READY_S
    while not grafana_is_ready(opened.url):
        if time.monotonic() > deadline:
            raise PlatformError(
                f"Grafana of testbed {folder.name} does not answer at {opened.url}",
                hint=f"fogbed logs grafana -t {folder.name} says why",
            )
        time.sleep(_PAUSE_S)
    return replace(opened, credentials=read_login(folder))


def read_login(folder: TestbedFolder) -> Credentials:
    """Return who is let in.

    Raises:
        PlatformError: nobody knows any more.
    """
    file = login_file(folder.root, LOGIN[0])
    try:
        password = file.read_text(encoding="ascii")
    except OSError as error:
        raise PlatformError(
            f"{file}, the password of Grafana, cannot be read: {error.strerror or error}",
            hint=f"fogbed down -t {folder.name}, then fogbed up makes a new one",
        ) from error
    return Credentials(user=ADMIN, secret=password, place=str(file))


def problems_of(said: Mapping[str, Any], url: str | None, folder: TestbedFolder) -> list[str]:
    """Return what is wrong with a testbed's Grafana, by what its keeper said; the rest goes on."""
    program = said["programs"].get(GRAFANA)
    if program is None or url is None or grafana_is_ready(url):
        return []
    if not program["restarts"]:
        return ["Grafana is not ready yet"]
    reason = _last_reason(folder.root / "logs" / f"{GRAFANA}.log")
    why = f" ({reason})" if reason else ""
    return [
        f"Grafana does not run{why}: it is started again, and the rest goes on; fogbed logs grafana"
    ]


def _last_reason(log: Path) -> str:
    """Return the last line of Grafana's log that speaks of an error, "" where none does."""
    found = [line for line in end_of(log) if _WRONG.search(line)]
    return found[-1].strip()[:_LONGEST_REASON] if found else ""
