"""From what a survey found to what is wrong, with one line of what to do for each problem.

The playbooks have this file too, by a link: ``fogbed doctor`` tells all of it, the role
``preflight`` refuses for what blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from .facts import Finding, Level, NodeSurvey, Wanted
from .rules import RULES, Facts

_LEVELS: tuple[Level, ...] = ("blocks", "warns", "mended")
_CLOCK_BLOCKS_S, _CLOCK_WARNS_S = 60.0, 1.0
# So many nodes that agree with each other know the time better than this computer.
_JURY = 3
_CLONED = (
    "one card is a copy of the other; on one: sudo truncate -s0 /etc/machine-id; sudo rm -f "
    "/var/lib/dbus/machine-id; sudo systemd-machine-id-setup; sudo reboot"
)
_COPIED_KEYS = "on one: sudo rm /etc/ssh/ssh_host_*; sudo dpkg-reconfigure openssh-server"
_RENAMED = "nothing: fogbed up gives each machine its name from the testbed's file"
_UNITS = ((86400 * 365, "years"), (86400, "days"), (3600, "hours"), (60, "minutes"), (1, "s"))


def diagnose(wanted: Sequence[Wanted], surveys: Sequence[NodeSurvey]) -> list[Finding]:
    """Return what is wrong: what blocks ``up`` first, then by node in the order of ``surveys``.

    ``wanted``: what is asked of each node that was surveyed, in any order.
    """
    asked = {each.node: each for each in wanted}
    found = [
        *_reach(surveys),
        *_hosts(asked, surveys),
        *_clocks(surveys),
        *_sources(surveys),
        *_twins(surveys),
        *_same(asked, surveys),
    ]
    order = {each.node: place for place, each in enumerate(surveys)}
    return sorted(found, key=lambda each: (_LEVELS.index(each.level), order[each.node]))


def _reach(surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    for each in surveys:
        if each.problem:
            fix = each.way_out or f"try by hand: fogbed node ssh {each.node}"
            yield Finding(node=each.node, name="ssh", level="blocks", found=each.problem, fix=fix)


def _hosts(asked: Mapping[str, Wanted], surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    for each in surveys:
        for rule in RULES if each.facts else ():
            for name, level, found, fix in rule(each.facts, asked[each.node]):
                yield Finding(node=each.node, name=name, level=level, found=found, fix=fix)


def _clocks(surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    offsets = [each.clock_offset_s for each in surveys if each.clock_offset_s is not None]
    middle = median(offsets) if offsets else 0.0
    ours = (
        len(offsets) >= _JURY
        and abs(middle) > _CLOCK_WARNS_S
        and all(abs(offset - middle) <= _CLOCK_WARNS_S for offset in offsets)
    )
    for each in surveys:
        yield from _clock(each, is_ours=ours)


def _clock(each: NodeSurvey, *, is_ours: bool) -> Iterator[Finding]:
    offset, bound = each.clock_offset_s or 0.0, each.clock_bound_s or 0.0
    off = max(abs(offset) - bound, 0.0)
    synced = each.facts.get("time_sync")
    # a container has the clock of its host
    is_own = not each.facts.get("container")
    fix = (
        "there: sudo timedatectl set-ntp true; without a time server, from here: "
        f"fogbed node exec {each.node} -- sudo date -s @$(date +%s)"
    )
    if is_ours:
        fix = "all nodes agree: set this computer's clock, sudo timedatectl set-ntp true"
    if off > _CLOCK_WARNS_S:
        side = "behind" if offset < 0 else "ahead of"
        level: Level = "blocks" if off > _CLOCK_BLOCKS_S else "warns"
        found = f"{_span(off)} {side} this computer's; certificates would not be valid"
        if level == "warns":
            found = f"{_span(off)} {side} this computer's"
        yield Finding(node=each.node, name="clock", level=level, found=found, fix=fix)
    elif synced is False and is_own:
        found = "no time server holds it; a Pi forgets the time when it is switched off"
        yield Finding(node=each.node, name="clock", level="warns", found=found, fix=fix)


def _span(seconds: float) -> str:
    size, unit = next(pair for pair in _UNITS if seconds >= pair[0])
    return f"{seconds / size:.1f} {unit}"


def _sources(surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    for each in surveys:
        for source in each.facts.get("sources", ()):
            if source["problem"]:
                found = f"{source['name']} ({source['url']}): {source['problem']}"
                fix = _source_fix(source)
                yield Finding(node=each.node, name="sources", level="blocks", found=found, fix=fix)


def _source_fix(source: Facts) -> str:
    kind, _, name = source["name"].partition(" ")
    key = {"registry": "sources.registries", "key": f"sources.keys.{name}"}
    problem = source["problem"]
    if "name resolution" in problem or "not known" in problem:
        return "look at the node's name server (/etc/resolv.conf) and its way to the internet"
    if "answers 404" in problem:
        return f"the server is there, this is not: is {key.get(kind, f'sources.apt.{name}')} right?"
    if "certificate" in problem.lower():
        return "look at the node's clock; a lab's own authority goes to its ca-certificates"
    return f"can the node reach it? Else name a mirror: {key.get(kind, f'sources.apt.{name}')}"


def _twins(surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    known = [each for each in surveys if each.facts]
    rows: tuple[tuple[str, str, Level, str], ...] = (
        ("machine_id", "machine-id", "blocks", _CLONED),
        ("mac", "mac", "blocks", "remove what sets it, or give each virtual machine its own"),
        ("host_keys", "host-key", "warns", _COPIED_KEYS),
        ("hostname", "hostname", "mended", _RENAMED),
    )
    for fact, name, level, fix in rows:
        owners: dict[str, list[str]] = defaultdict(list)
        for each in known:
            for value in _values(each, fact):
                owners[value].append(each.node)
        for (first, *others), value in _shared(owners):
            found = f"the same as of {', '.join(others)} ({value})"
            yield Finding(node=first, name=name, level=level, found=found, fix=fix)


def _same(asked: Mapping[str, Wanted], surveys: Sequence[NodeSurvey]) -> Iterator[Finding]:
    """Yield what a testbed's file is refused for, and an inventory of somebody's own may have."""
    fix = "give each node its own"
    for name, values in (
        ("address", [(each.node, asked[each.node].address) for each in surveys]),
        ("name", [(each.node, asked[each.node].name) for each in surveys]),
    ):
        owners: dict[str, list[str]] = defaultdict(list)
        for node, value in values:
            if value:
                owners[value].append(node)
        for (first, *others), value in _shared(owners):
            found = f"the same as of {', '.join(others)} ({value})"
            yield Finding(node=first, name=name, level="blocks", found=found, fix=fix)


def _shared(owners: dict[str, list[str]]) -> list[tuple[list[str], str]]:
    # two cards that are copies share each of several keys: that is one problem
    groups = {tuple(nodes): value for value, nodes in owners.items() if len(nodes) > 1}
    return [(list(nodes), value) for nodes, value in groups.items()]


def _values(each: NodeSurvey, fact: str) -> Sequence[str]:
    if fact == "mac":
        link = each.facts["network"]
        own = [link["mac"]] if link and link["mac"] else []
        return sorted({*own, *each.facts["macs"]})
    value = each.facts[fact]
    return value if isinstance(value, list) else [value] if value else []
