"""The net under both of the resident's processes, where there is systemd: a transient unit.

Whatever ends the unit, also a kill -9 of all its processes or its watchdog, systemd runs the
program once more, to clear (ExecStopPost; systemd.service(5)).
"""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

SERVES, CLEARS = "-serve.py", "-clear.py"
"""How the names of a unit's two files end; what comes before is the same."""
WATCHDOG_S = 120
_STOP_S = 30


@dataclass(frozen=True)
class Surroundings:
    """What decides whether systemd can be asked.

    ``first``: the name of process 1; ``systemd_run``: the program's path, "" if there is none;
    ``is_booted``: systemd itself says that it runs (sd_booted(3)). ``shares_network`` and
    ``shares_files``: process 1 is in the same network and mount namespace.
    """

    uid: int
    first: str
    systemd_run: str
    is_booted: bool
    shares_network: bool
    shares_files: bool


def surroundings() -> Surroundings:
    """Look around."""
    try:
        first = Path("/proc/1/comm").read_text(encoding="utf-8").strip()
    except OSError:
        first = ""
    return Surroundings(
        uid=os.geteuid(),
        first=first,
        systemd_run=shutil.which("systemd-run", path="/usr/bin:/bin") or "",
        is_booted=Path("/run/systemd/system").is_dir(),
        shares_network=_is_shared("net"),
        shares_files=_is_shared("mnt"),
    )


def unserved(found: Surroundings) -> str:
    """Return why systemd cannot hold the resident; "" where it can. Pure."""
    requirements = (
        (found.first == "systemd", f"process 1 is {found.first or 'unknown'}, not systemd"),
        (found.is_booted, "process 1 is systemd, which has not booted here"),
        (bool(found.systemd_run), "there is no systemd-run"),
        (found.uid == 0, "only root may ask systemd for it"),
        (found.shares_network, "this network is not that of process 1"),
        (found.shares_files, "these files are not those of process 1"),
    )
    return next((why for is_met, why in requirements if not is_met), "")


def command(unit: str, python: str, script: str, clear_script: str) -> list[str]:
    """Return what starts the resident as a transient unit and waits until it serves. Pure.

    ``script`` serves, ``clear_script`` clears; both are files that ``python`` runs.
    """
    properties = (
        "Type=notify",
        "NotifyAccess=all",
        f"WatchdogSec={WATCHDOG_S}",
        f"TimeoutStopSec={_STOP_S}",
        f"ExecStopPost={_word(python)} -I {_word(clear_script)}",
        # a packet that is due does not wait for pods: as large a share as systemd gives, beside
        # the slices of the system and of Kubernetes, not inside of one
        "Slice=-.slice",
        "CPUWeight=10000",
    )
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit}",
        "--description=fogbed: shapes this node's links",
        *(f"--property={each}" for each in properties),
        python,
        "-I",
        script,
        "systemd",
    ]


def _word(text: str) -> str:
    """Return a word of a unit's command line, whatever is in it (systemd.service(5))."""
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(special, written)
    return f'"{text}"'


def tell_systemd(state: str) -> None:
    """Tell systemd how this service is (sd_notify(3)); nothing where it does not ask."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            # A guardian waits for nobody; what is not taken now is told again.
            sender.sendto(state.encode(), socket.MSG_DONTWAIT, address.replace("@", "\0", 1))
        except OSError:
            return


def _is_shared(kind: str) -> bool:
    try:
        return Path(f"/proc/1/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
    except OSError:
        return False
