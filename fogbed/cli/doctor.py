"""``fogbed doctor``: what this computer lacks, with the fix for each problem."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fogbed.cli import console
from fogbed.cli.options import JsonOption
from fogbed.errors import PlatformError
from fogbed.platforms import preflight
from fogbed.platforms.examination import examine


def doctor(
    *,
    as_json: JsonOption = False,
    apparmor_profile: Annotated[
        bool,
        typer.Option(
            "--apparmor-profile",
            help="Print the AppArmor profile for this interpreter, and nothing else.",
        ),
    ] = False,
) -> None:
    """Check this computer; exit 1 if something stands in the way. Example: fogbed doctor --json."""
    if apparmor_profile:
        console.say(preflight.apparmor_profile().rstrip())
        return
    checks = examine()
    if as_json:
        console.say_json([asdict(check) for check in checks])
    else:
        _show(checks)
    blocking = [check.name for check in checks if check.blocks and not check.ok]
    if blocking:
        raise PlatformError(
            f"no testbed can come up on this computer: {', '.join(blocking)}",
            hint="the fix of each stands above",
        )


def _show(checks: list[preflight.Check]) -> None:
    for check in checks:
        mark = "ok" if check.ok else "NO" if check.blocks else "but"
        console.say(f"{mark:<3} {check.name:<11} {check.found}")
        for line in check.fix.splitlines():
            console.say(f"    {'':<11} {line}")
