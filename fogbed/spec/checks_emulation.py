"""What profiles and actions ask of the network, against what a testbed's platform can shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fogbed.errors import Problem
from fogbed.spec.abilities import Abilities, abilities_named
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView
from fogbed.units import parse_delay_ms, parse_fraction, parse_rate_bps

OWN = -1
"""The experiment's own profile, among those of its actions by their index."""
WAY_OUT = "add --profile profiles/none.yml: its `emulation: none` leaves the network as it is"
_ADDED: Mapping[str, Callable[[object], float]] = {
    "delay": parse_delay_ms,
    "rtt": parse_delay_ms,
    "jitter": parse_delay_ms,
    "loss": parse_fraction,
    "rate": parse_rate_bps,
    "corrupt": parse_fraction,
    "duplicate": parse_fraction,
    "reorder": parse_fraction,
}


def emulation_all_along(
    experiment: Part, profiles: Mapping[int, Part], _testbed: TestbedView
) -> Iterator[Problem]:
    """An action's profile emulates: a network is left as it is by a whole run or not at all."""
    if _emulates_nothing(profiles.get(OWN)):
        return
    for index, action in enumerate(experiment["scenario"].items()):
        if _emulates_nothing(profiles.get(index)):
            what = "a profile with emulation: none is for a whole run"
            yield action["profile"].problem(what, "write restore: true, or links with delay: 0ms")


def emulation_of_platform(
    _experiment: Part, profiles: Mapping[int, Part], testbed: TestbedView
) -> Iterator[Problem]:
    """What a profile adds, the testbed's platform can add."""
    own = profiles.get(OWN)
    if own is None or _emulates_nothing(own) or not _lacks_emulation(testbed):
        return
    for asked in (own["default"], own["links"]):
        if any(map(_adds, (asked, *asked.items()))):
            yield asked.problem(_what(testbed), WAY_OUT)


def network_of_platform(
    experiment: Part, profiles: Mapping[int, Part], testbed: TestbedView
) -> Iterator[Problem]:
    """An action that changes the network is on a platform that can; elsewhere it is left out."""
    if _emulates_nothing(profiles.get(OWN)) or not _lacks_emulation(testbed):
        return
    for action in experiment["scenario"].items():
        if action["do"].text == "network":
            yield action["do"].problem(_what(testbed), WAY_OUT)


EMULATION_CHECKS: tuple[
    Callable[[Part, Mapping[int, Part], TestbedView], Iterator[Problem]], ...
] = (
    emulation_all_along,
    emulation_of_platform,
    network_of_platform,
)


def lacks_emulation(abilities: Abilities) -> bool:
    """Whether jobs run on a platform and no network is emulated there."""
    return "flink" in abilities.services and not abilities.emulates_networks


def _lacks_emulation(testbed: TestbedView) -> bool:
    abilities = abilities_named(testbed.root["platform"].text)
    return abilities is not None and (lacks_emulation(abilities) or _is_turned_off(testbed))


def _is_turned_off(testbed: TestbedView) -> bool:
    return testbed.root["network"]["emulator"].text == "none"


def _what(testbed: TestbedView) -> str:
    if _is_turned_off(testbed):
        return "its testbed says network: {emulator: none}"
    return f"platform {testbed.root['platform'].text} emulates no network in this version of fogbed"


def _emulates_nothing(profile: Part | None) -> bool:
    return profile is not None and profile["emulation"].text == "none"


def _adds(shape: Part) -> bool:
    asked = any(shape[key].read(parse) for key, parse in _ADDED.items())
    return asked or shape["trace"].is_given
