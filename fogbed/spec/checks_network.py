"""What must fit together in links, in a profile's or an action's: tables of small rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fogbed.errors import Problem
from fogbed.spec.base import TIERS
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView
from fogbed.spec.wording import suggest
from fogbed.units import format_delay, parse_delay_ms, parse_fraction

SHAPE = ("delay", "jitter", "loss", "rate", "corrupt", "duplicate", "reorder")


def one_way_or_both(rule: Part) -> Iterator[Problem]:
    """A line speaks of one direction or of both."""
    from_, to, between = rule["from"], rule["to"], rule["between"]
    if between.is_given and (from_.is_given or to.is_given):
        way_out = "keep between: [A, B] for both directions, or from and to for one"
        yield rule.problem("has between as well as from or to", way_out)
    elif not between.is_given and not (from_.is_given and to.is_given):
        missing = "to" if from_.is_given else "from" if to.is_given else "its two ends"
        way_out = "write from: A, to: B, or between: [A, B]"
        yield rule.problem(f"lacks {missing}", way_out)


def rtt_between(rule: Part) -> Iterator[Problem]:
    """An RTT is of both directions, and stands instead of a delay."""
    rtt = rule["rtt"]
    if not rtt.is_given:
        return
    if not rule["between"].is_given:
        yield rtt.problem("an RTT is of both directions", "write it with between: [A, B], or delay")
    if rule["delay"].is_given:
        yield rtt.problem("stands beside delay", "keep one: rtt is halved, delay is one way")


def jitter_above_delay(rule: Part) -> Iterator[Problem]:
    """Jitter goes both ways, and nothing arrives before it was sent."""
    delay, jitter = _one_way(rule), rule["jitter"].read(parse_delay_ms)
    if delay is not None and jitter is not None and jitter > delay:
        what = f"{format_delay(jitter)} is more than the one-way delay of {format_delay(delay)}"
        yield rule["jitter"].problem(what, f"write {format_delay(delay)} or less")


def changes_nothing(rule: Part) -> Iterator[Problem]:
    """A line asks for something."""
    asked = any(rule[key].is_given for key in (*SHAPE, "rtt", "trace"))
    if not asked and isinstance(rule.value, dict):
        yield rule.problem("asks for nothing", "write delay, jitter, loss or rate")


def to_itself(rule: Part) -> Iterator[Problem]:
    """A node has no link to itself; a tier has, between its nodes."""
    ends = [end.text for end in ends_of(rule)]
    if len(ends) == 2 and ends[0] == ends[1] and ends[0] not in (None, *TIERS):  # noqa: PLR2004
        yield rule.problem(f"is a link from {ends[0]} to itself", "write two nodes or tiers")


LINK_CHECKS: tuple[Callable[[Part], Iterator[Problem]], ...] = (
    one_way_or_both,
    rtt_between,
    jitter_above_delay,
    changes_nothing,
    to_itself,
)


def jitter_without_delay(profile: Part) -> Iterator[Problem]:
    """Jitter goes around a delay, so a profile with one has the other."""
    for shape in _without_delay(profile):
        if shape["jitter"].read(parse_delay_ms):
            yield shape["jitter"].problem("jitter without any delay", "write a delay too")


def reorder_without_delay(profile: Part) -> Iterator[Problem]:
    """What is reordered goes past packets that wait, so a profile with reorder has a delay."""
    for shape in _without_delay(profile):
        if shape["reorder"].read(parse_fraction):
            what = "reorder without any delay: there is no packet to overtake"
            yield shape["reorder"].problem(what, "write a delay too")


def jitter_of_default(profile: Part) -> Iterator[Problem]:
    """The rule on jitter holds for the default as well."""
    yield from jitter_above_delay(profile["default"])


def links_of_profile(profile: Part) -> Iterator[Problem]:
    """Every line of links holds by itself."""
    yield from check_links(profile["links"])


def nothing_to_emulate(profile: Part) -> Iterator[Problem]:
    """A profile that emulates nothing asks for nothing."""
    if profile["emulation"].text != "none":
        return
    for asked in (profile["default"], profile["links"]):
        if asked.value:
            what = "stands beside emulation: none, which leaves the network as it is"
            yield asked.problem(what, "remove it, or the line emulation: none")


PROFILE_CHECKS: tuple[Callable[[Part], Iterator[Problem]], ...] = (
    nothing_to_emulate,
    links_of_profile,
    jitter_without_delay,
    reorder_without_delay,
    jitter_of_default,
)


def check_links(links: Part) -> Iterator[Problem]:
    """Yield the problems of every line of ``links`` by itself."""
    for rule in links.items():
        for check in LINK_CHECKS:
            yield from check(rule)


def check_ends(links: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Yield the ends of ``links`` that are neither nodes nor tiers of the testbed."""
    for rule in links.items():
        for end in ends_of(rule):
            if end.text is not None and not testbed.has_end(end.text):
                what = f"there is no node or tier {end.text} in {testbed.root.document.file}"
                yield end.problem(what, suggest(end.text, (*testbed.names(), *TIERS)))


def ends_of(rule: Part) -> list[Part]:
    """Return the ends that a line names."""
    named = [rule["from"], rule["to"], *rule["between"].items()]
    return [end for end in named if end.is_given]


def _one_way(shape: Part) -> float | None:
    rtt = shape["rtt"].read(parse_delay_ms)
    return shape["delay"].read(parse_delay_ms) if rtt is None else rtt / 2


def _without_delay(profile: Part) -> list[Part]:
    """Return all lines of a profile in which no line has a delay; none of another one's."""
    shapes = [profile["default"], *profile["links"].items()]
    delayed = any(shape[key].is_given for shape in shapes for key in ("delay", "rtt", "trace"))
    return [] if delayed else shapes
