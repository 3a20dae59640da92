"""Whether a testbed's network can be shaped at all."""

from __future__ import annotations

from fogbed.errors import UsageError
from fogbed.plan.network import NetworkPlan
from fogbed.platforms.table import abilities_of
from fogbed.spec.checks_emulation import lacks_emulation
from fogbed.spec.testbed import Testbed


def require_emulation(testbed: Testbed, asked: NetworkPlan) -> None:
    """Return if ``testbed`` can shape what is asked of its links; a plan that adds nothing can be.

    Raises:
        UsageError: its platform emulates no network, or its file turns that off, and ``asked`` adds
            something.
    """
    touched = len(list(asked.links()))
    if touched and testbed.network.emulator == "none":
        raise UsageError(
            f"testbed {testbed.name} says network: {{emulator: none}}, and {touched} ordered pairs "
            "are to be changed",
            hint="leave that line out, then fogbed up; or fogbed network apply none",
        )
    if touched and lacks_emulation(abilities_of(testbed)):
        raise UsageError(
            f"testbed {testbed.name} is of platform {testbed.platform}, which emulates no network "
            f"in this version of fogbed, and {touched} ordered pairs are to be changed",
            hint="a profile with `emulation: none` leaves the network as it is: "
            "fogbed network apply none",
        )
