"""``fogbed doctor`` of a testbed of Pis: a row for each node, a line for each problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from fogbed.cli import console
from fogbed.errors import PlatformError
from fogbed.platforms.kubernetes.shaping import check_emulators
from fogbed.platforms.pi.doctor.controller import examine_controller
from fogbed.platforms.pi.doctor.diagnosis import diagnose
from fogbed.platforms.pi.doctor.facts import Finding, NodeSurvey
from fogbed.platforms.pi.doctor.survey import survey
from fogbed.platforms.pi.doctor.wanted import list_wanted
from fogbed.platforms.preflight import Check
from fogbed.platforms.table import open_pi
from fogbed.spec.testbed import Testbed

_COLUMNS = ("node", "OS", "arch", "memory", "disk free", "clock", "heat", "problems")
_MARKS = {"blocks": "NO", "warns": "but", "mended": "up"}
_OS_WIDTH, _PROBLEMS_WIDTH = 14, 22  # characters
_LONG_S = 3600.0  # an offset that is better said in days
_SHORT = {"debian": "Debian", "ubuntu": "Ubuntu", "raspbian": "Raspbian"}


def doctor_nodes(testbed: Testbed, *, as_json: bool) -> None:
    """Look at this computer and at every node.

    Raises:
        PlatformError: ``up`` would not get through.
    """
    checks = examine_controller(testbed)
    here = [check.name for check in checks if check.blocks and not check.ok]
    # without ssh there is nobody to ask
    surveys = [] if "ssh" in here else survey(testbed, console.LiveProgress())
    findings = diagnose(list_wanted(testbed), surveys)
    emulation = _emulation(testbed, [each.node for each in surveys if each.facts])
    if as_json:
        _show_json(controller=checks, nodes=surveys, findings=findings, emulation=emulation)
    else:
        _show(checks, surveys, findings)
        _show_emulation(emulation)
    there = dict.fromkeys(each.node for each in findings if each.level == "blocks")
    blocking = [*(f"this computer ({name})" for name in here), *there]
    if blocking:
        raise PlatformError(
            f"fogbed up would not get through: {', '.join(blocking)}",
            hint="what to do stands above" if not as_json else "what to do stands under findings",
        )


def _show_json(**parts: Sequence[Check | NodeSurvey | Finding]) -> None:
    console.say_json({name: [asdict(each) for each in part] for name, part in parts.items()})


def _show(
    checks: Sequence[Check], surveys: Sequence[NodeSurvey], findings: Sequence[Finding]
) -> None:
    console.say("this computer: " + ", ".join(_brief(check) for check in checks if check.ok))
    for check in checks:
        if not check.ok:
            console.say(f"{'NO' if check.blocks else 'but':<3} {check.name}: {check.found}")
            console.say(f"    {check.fix}")
    if surveys:
        console.say_table(_COLUMNS, [_row(each, findings) for each in surveys])
    for finding in findings:
        console.say(f"{_MARKS[finding.level]:<3} {finding.node}: {finding.name}: {finding.found}")
        console.say(f"    {finding.fix}")


def _emulation(testbed: Testbed, nodes: Sequence[str]) -> Sequence[Check]:
    """Return which emulator serves on each node that was heard."""
    if not (nodes and testbed.emulates_networks):
        return ()
    with console.LiveProgress().step("trying what can shape links"):
        return check_emulators(open_pi(testbed).emulator_of(nodes))


def _show_emulation(checks: Sequence[Check]) -> None:
    for check in checks:
        console.say(f"{'ok' if check.ok else 'but':<3} {check.found}")
        if check.fix:
            console.say(f"    {check.fix}")


def _brief(check: Check) -> str:
    return f"{check.name} {check.found}".removeprefix("ssh ")


def _row(each: NodeSurvey, findings: Sequence[Finding]) -> list[str]:
    facts = each.facts
    names = [f.name for f in findings if f.node == each.node and f.level != "mended"]
    problems = _cut(", ".join(dict.fromkeys(names)) or "none", _PROBLEMS_WIDTH)
    if not facts:
        return [each.node, "?", "", "", "", _clock(each), "", problems]
    heat = facts["temperature_c"]
    return [
        each.node,
        _cut(_system(each), _OS_WIDTH),
        facts["arch"] or "?",
        f"{facts['memory'] / 2**30:.1f} GB",
        f"{facts['disk']['free'] / 1e9:.0f} GB",
        _clock(each),
        f"{heat:.0f} °C" if heat is not None else "",
        problems,
    ]


def _system(each: NodeSurvey) -> str:
    name = "RPi OS" if each.facts["is_raspberry_pi_os"] else each.facts["os"]
    return f"{_SHORT.get(name, name)} {each.facts['os_version'] or ''}".rstrip()


def _clock(each: NodeSurvey) -> str:
    if each.clock_offset_s is None or each.clock_bound_s is None:
        return ""
    if abs(each.clock_offset_s) >= _LONG_S:
        return f"{each.clock_offset_s / 86400:+.1f} days"
    return f"{each.clock_offset_s:+.2f} ±{each.clock_bound_s:.2f} s"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
