"""``fogbed doctor``: what this computer, or nodes of a testbed, lack, with each problem's fix."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.options import JsonOption, TestbedOption
from fogbed.errors import PlatformError
from fogbed.platforms import preflight

if TYPE_CHECKING:
    from fogbed.spec.testbed import Testbed


def doctor(
    *,
    testbed: TestbedOption = None,
    as_json: JsonOption = False,
    apparmor_profile: Annotated[
        bool,
        typer.Option(
            "--apparmor-profile",
            help="Print the AppArmor profile for this interpreter, and nothing else.",
        ),
    ] = False,
) -> None:
    """Check this computer, nodes, a cluster; exit 1 if something stands in the way of up.

    Example: fogbed doctor -t pico.yml --json.
    """
    if apparmor_profile:
        console.say(preflight.apparmor_profile().rstrip())
        return
    bed = _meant(testbed)
    if bed is not None and platforms.abilities_of(bed).is_reached_over_ssh:
        from fogbed.cli.doctor_nodes import doctor_nodes

        doctor_nodes(bed, as_json=as_json)
        return
    from fogbed.platforms.examination import examine

    checks = examine() if bed is None else list(platforms.open_machines(bed).examine())
    if as_json:
        console.say_json([asdict(check) for check in checks])
    else:
        _show(checks)
    blocking = [check.name for check in checks if check.blocks and not check.ok]
    if blocking:
        raise PlatformError(
            f"{_subject(bed)}: {', '.join(blocking)}",
            hint="the fix of each stands above",
        )


def _subject(bed: Testbed | None) -> str:
    return (
        f"testbed {bed.name} cannot come up" if bed else "no testbed can come up on this computer"
    )


def _meant(testbed: str | None) -> Testbed | None:
    """Return the testbed that is meant; None: this computer alone."""
    from fogbed.platforms.registry import HERE

    if testbed is None and not HERE.is_file():
        return None
    return platforms.find_testbed(testbed)


def _show(checks: list[preflight.Check]) -> None:
    for check in checks:
        mark = "ok" if check.ok else "NO" if check.blocks else "but"
        console.say(f"{mark:<3} {check.name:<11} {check.found}")
        for line in check.fix.splitlines():
            console.say(f"    {'':<11} {line}")
