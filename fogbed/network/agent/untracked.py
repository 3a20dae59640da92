"""Exempting what comes back from the tunnel from connection tracking.

Such a packet has passed netfilter already, on its way into the tunnel: it has been translated and
its connection is known. Were it tracked again, it would look like the first packet of a second
connection whose replies clash with those of the first, and be given another source port:
connections to service addresses would not come about. nf_tables can exempt it, and the table goes
with the process that made it; where the kernel has none, a rule of iptables' table ``raw`` can.
Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.nftables import Untracking, remove_table
from fogbed.network.agent.routing import DEVICE

TABLE = "fogbed"
_PROGRAMS = ("iptables-legacy", "iptables")
_LEGACY_TABLES = Path("/proc/net/ip_tables_names")
_PROGRAM_S = 15.0


class Exemption(Protocol):
    """Something in the kernel that exempts packets, until it is closed."""

    def there(self) -> bool:
        """Return whether it is in the kernel."""

    def close(self) -> None:
        """Take it out of the kernel."""


class _RawRule:
    """A rule of iptables, which stays when this process is killed; no device, no packet for it."""

    def __init__(self, program: str, device: str) -> None:
        self._command = [program, "-w", "5", "-t", "raw"]
        self._rule = ["PREROUTING", "-i", device, "-j", "CT", "--notrack"]

    def install(self) -> None:
        if not self.there():
            self._run("-I")

    def there(self) -> bool:
        try:
            self._run("-C")
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self.there():
            self._run("-D")

    def _run(self, action: str) -> None:
        command = [*self._command, action, *self._rule]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PROGRAM_S
        )
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def exempt(device: str = DEVICE, table: str = TABLE) -> Exemption:
    """Exempt what comes in by ``device``.

    Raises:
        BackendError: there is no way to, with the reason of each.
    """
    try:
        return Untracking(table, device)
    except OSError as error:
        reasons = [f"nf_tables: {error.strerror or error}"]
    program = _program()
    if program:
        try:
            rule = _RawRule(program, device)
            rule.install()
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(str(error))
        else:
            return rule
    else:
        reasons.append("no program iptables")
    raise BackendError(
        "packets cannot be exempted from connection tracking, and connections to service addresses"
        f" would break ({'; '.join(reasons)}): modprobe nf_tables nft_ct"
    )


def forget_exemption(device: str = DEVICE, table: str = TABLE) -> None:
    """Remove what a killed process has left."""
    remove_table(table)
    program = _program()
    # asking iptables makes its tables, where there are none
    if program and _LEGACY_TABLES.exists() and "raw" in _LEGACY_TABLES.read_text().split():
        _RawRule(program, device).close()


def _program() -> str:
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), "")
