"""What emulates the network of testbeds here: found out by trying, where nobody sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import fogbed
from fogbed import links
from fogbed.errors import UsageError
from fogbed.plan.local_processes import LocalEmulator
from fogbed.platforms import preflight
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Testbed

EmulatorChoice = Literal["auto", "tc", "fabric", "none"]
TOLD: Mapping[LocalEmulator, str] = {
    "tc": "tc (netem, in the kernel)",
    "fabric": "the fabric (in user space)",
}
_TRIAL = "fogbed.network.tc_here"
_TRIAL_S = 60.0
_WAY_OUT = "leave network: {emulator: tc} out, and the fabric serves, which works on any kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What serves, and why tc does not: ``no_tc`` is "" where it does, or was not tried."""

    name: LocalEmulator
    no_tc: str = ""

    @property
    def told(self) -> str:
        """What serves, for a user."""
        return TOLD[self.name] + ("; fogbed doctor says why not tc" if self.no_tc else "")


def serving(choice: EmulatorChoice) -> Serving:
    """Return what serves where a testbed's file leaves this choice.

    As on nodes, the kernel's own where it can. ``tc`` that cannot serve is told all the same.
    """
    if choice == "fabric":
        return Serving(name="fabric")
    lacking = _try_tc()
    return Serving(name="tc" if choice == "tc" or not lacking else "fabric", no_tc=lacking)


def require_serving(testbed: Testbed) -> Serving:
    """Return what will shape the links of a testbed; nothing is touched.

    Raises:
        UsageError: its file asks for tc, which cannot serve here.
    """
    found = serving(testbed.network.emulator)
    if found.name == "tc" and found.no_tc:
        raise UsageError(
            f"testbed {testbed.name} says network: {{emulator: tc}}, and tc cannot serve here: "
            f"{found.no_tc}",
            hint=_WAY_OUT,
        )
    return found


def check_emulation(choice: EmulatorChoice) -> Check:
    """Return which emulator serves; it blocks where tc alone is asked for."""
    found = serving(choice)
    if found.name == "tc" and found.no_tc:
        return Check("emulation", ok=False, found=f"no tc: {found.no_tc}", fix=_WAY_OUT)
    return Check("emulation", ok=True, found=_told_whole(found), blocks=False)


def _told_whole(found: Serving) -> str:
    return TOLD[found.name] + (f"; no tc: {found.no_tc}" if found.no_tc else "")


def _try_tc() -> str:
    """Return "" where this user's namespaces can have their links shaped by tc, else why not."""
    root = str(links.plain(Path(fogbed.__file__).resolve().parent.parent))
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    argv = [*preflight.unshare_argv(), sys.executable, "-m", _TRIAL]
    try:
        done = subprocess.run(
            argv,
            check=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": search},
            capture_output=True,
            text=True,
            timeout=_TRIAL_S,
        )
        return str(json.loads(done.stdout)["why"])
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"it ended with {error.returncode}"])[-1]
        return f"the trial failed: {last}"
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        return f"the trial failed: {error}"
