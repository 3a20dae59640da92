"""What speaks against a host, by the rules of ``fogbed doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ansible.module_utils

# Ansible sends what lies there to hosts, but does not look there for its own imports.
_OURS = str(Path(__file__).parents[1] / "module_utils")
if _OURS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_OURS)

from ansible.module_utils.doctor.diagnosis import diagnose  # noqa: E402 - found by the path above
from ansible.module_utils.doctor.facts import Finding, NodeSurvey, Wanted  # noqa: E402
from ansible.module_utils.doctor.refusals import explain, last_line  # noqa: E402

Look = Mapping[str, Any]


def preflight_refusals(looks: Mapping[str, Look], host: str, ignored: Sequence[str]) -> list[str]:
    """Everything that speaks against a host: what it is, and the way out.

    Args:
        looks: By host, what is asked of it, what ``host_probe`` returned and when it was asked.
        host: Which of them.
        ignored: Names of findings whose refusal somebody takes upon themselves.
    """
    known = {name: look for name, look in looks.items() if look}
    wanted = [_wanted(name, look) for name, look in known.items()]
    surveys = [_survey(name, look) for name, look in known.items()]
    found = [*diagnose(wanted, surveys), *_sudo(host, known[host])]
    return [
        f"{each.name}: {each.found}; {each.fix}"
        for each in found
        if each.node == host and each.level == "blocks" and each.name not in ignored
    ]


def _wanted(host: str, look: Look) -> Wanted:
    return Wanted(
        node=host,
        name=look["name"],
        address=look["address"],
        role=look["role"],
        testbed=look["testbed"],
        user=look["user"],
        accepted=frozenset(str(check).lower() for check in look["accepted"]),
        takes_cgroup_v1=not look["fail_cgroup_v1"],
    )


def _survey(host: str, look: Look) -> NodeSurvey:
    """What was read as the doctor has it: the clock is known to within the time of the look."""
    read = look["read"]
    if "host" not in read:
        heard = _heard(read)
        meaning, way_out = explain(heard, "it", user=look["user"])
        words = last_line(heard.rpartition("to the host via ssh: ")[2])
        problem = meaning if not words or words in meaning else f"{meaning} ({words})"
        way_out = (way_out or "").replace("node replace it ", f"node replace {host} ")
        return NodeSurvey(node=host, address=look["address"], problem=problem, way_out=way_out)
    before, after = float(look["before"]), float(look["after"])
    facts = {**read["host"], **look["sudo"].get("host", {})}
    return NodeSurvey(
        node=host,
        address=look["address"],
        clock_offset_s=facts["time"] - (before + after) / 2,
        clock_bound_s=(after - before) / 2,
        facts=facts,
    )


def _sudo(host: str, look: Look) -> Iterator[Finding]:
    """What sudo said when it was tried in earnest, with what password there is."""
    tried = look["sudo"]
    if not (tried.get("failed") or tried.get("unreachable")):
        return
    found, way_out = explain(_heard(tried), "it", user=look["user"], of_sudo=True)
    fix = (way_out or "try by hand: fogbed node ssh it").replace("node ssh it", f"node ssh {host}")
    yield Finding(node=host, name="sudo", level="blocks", found=found, fix=fix)


def _heard(result: Look) -> str:
    """All that Ansible says of a failure: its own words come last, as the ones to pass on."""
    parts = (result.get(name) for name in ("module_stderr", "module_stdout", "msg"))
    return "\n".join(str(part).strip() for part in parts if part)


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"preflight_refusals": preflight_refusals}
