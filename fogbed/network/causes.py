"""What is likely behind a network that is not as asked: the worst pair, and why. Pure.

The evidence is a whole verification. A cause is told from what is wrong *together*: an RTT from i
to j and one from j to i pass the same two links, so links that are wrong are wrong in both
directions alike, and what is wrong in one only is the node that measured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fogbed.network.verdicts import Drops, PairVerdict, Verification
from fogbed.units import format_delay, format_fraction, format_rate

BUSY = 0.9
"""From so many processes per processor on, some wait."""
_ALIKE = 0.25
"""Two errors are alike whose difference is within this share of the larger one."""
_MOST_OF = 0.6
"""A node is to blame that stands in this share of all wrong pairs, and is wrong with as many."""
_FEWEST_PAIRS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The figure that is farthest from what was asked: whose, and how far, in a sentence.

    ``times`` is how often what is allowed; infinite where nothing came back.
    """

    source: str
    target: str
    text: str
    times: float

    def __str__(self) -> str:
        """Return whose figure it is, and the figure."""
        return f"{self.source} to {self.target}: {self.text}"


def worst_of(found: Verification) -> Worst | None:
    """Return the figure that is the farthest from what was asked; None where all are as asked."""
    return max(_wrong_figures(found), key=lambda each: each.times, default=None)


def _wrong_figures(found: Verification) -> list[Worst]:
    wrong = [_worst_rtt(pair) for pair in found.pairs if not pair.ok]
    for rate in found.rates:
        off = max(rate.asked_bps - rate.least_bps, rate.most_bps - rate.asked_bps) / rate.asked_bps
        measured = f"{rate.least_bps / 1e6:.3g} to {rate.most_bps / 1e6:.3g} Mbit/s"
        text = f"rate {measured}, {format_rate(rate.asked_bps)} asked"
        wrong += [Worst(source=rate.source, target=rate.target, text=text, times=off / 0.05)] * (
            not rate.ok
        )
    for loss in found.losses:
        text = f"loss {loss.measured:.2%}, {format_fraction(loss.asked)} asked"
        times = _beyond(loss.asked, loss.low, loss.high)
        wrong += [Worst(source=loss.source, target=loss.target, text=text, times=times)] * (
            not loss.ok
        )
    for fault in found.faults:
        text = f"{fault.fault} {fault.measured:.2%}, {format_fraction(fault.asked)} asked"
        times = _beyond(fault.asked, fault.low, fault.high)
        wrong += [Worst(source=fault.source, target=fault.target, text=text, times=times)] * (
            not fault.ok
        )
    for way in found.one_ways:
        off = max(way.low_ms - way.expected_high_ms, way.expected_low_ms - way.high_ms)
        text = f"one way {way.low_ms:.2f} to {way.high_ms:.2f} ms, {way.asked_ms:g} ms asked"
        wrong += [
            Worst(source=way.source, target=way.target, text=text, times=off / way.allowed_ms)
        ] * (not way.ok)
    if found.read_back is not None:
        wrong += [
            Worst(source=each.source, target=each.target, text="not in force as asked", times=1.0)
            for each in found.read_back.differences
        ]
    return wrong


def _worst_rtt(pair: PairVerdict) -> Worst:
    when = ", under load" if pair.under_load else ""
    if math.isnan(pair.error_ms):
        text, times = f"none of {pair.sent} probes came back{when}", math.inf
    else:
        text = f"RTT {pair.p50_ms:.2f} ms, {pair.expected_ms:.2f} ms expected{when}"
        times = abs(pair.error_ms) / pair.allowed_ms
        if pair.asked_spread_ms and times <= 1:
            text = f"spread {pair.spread_ms:.2f} ms, {pair.asked_spread_ms:.2f} ms expected{when}"
            times = abs(pair.spread_ms - pair.asked_spread_ms) / pair.spread_allowed_ms
        if times <= 1:
            text, times = f"{pair.lost} of {pair.sent} probes lost{when}", 2.0
    return Worst(source=pair.source, target=pair.target, text=text, times=times)


def _beyond(asked: float, low: float, high: float) -> float:
    """Return how far a share is from its interval, in widths of it from the middle."""
    half = max((high - low) / 2, 1e-9)
    return abs(asked - (high + low) / 2) / half


def likely_cause(found: Verification) -> str:
    """Return what the wrong figures have in common, as a sentence with the way out; "" if none is.

    The first of these that the evidence shows: the emulation has something else in force; a node
    answers nobody; the emulation itself is late; queues dropped packets; pairs that nothing was
    asked of are slower too; one node stands in most of what is wrong; processors are busy; only
    load makes it so; both directions are off alike; only one is; clocks.
    """
    if found.ok:
        return ""
    tries: Sequence[Callable[[Verification], str]] = (
        _another_tool,
        _silent_node,
        _late_emulation,
        _full_queues,
        _changed_network,
        _one_node,
        _busy_everywhere,
        _only_loaded,
        _directions,
        _clocks,
    )
    causes = (look(found) for look in tries)
    return next(filter(None, causes), "nothing stands out: verify again with --count 200")


def _wrong(found: Verification) -> list[PairVerdict]:
    return [pair for pair in found.pairs if not pair.ok]


def _another_tool(found: Verification) -> str:
    if found.read_back is None or found.read_back.ok:
        return ""
    count = len(found.read_back.differences)
    return (
        f"something else is in force than what was asked ({count} links): another profile, or "
        "another tool changed it; `fogbed network apply PROFILE` puts it into force"
    )


def _silent_node(found: Verification) -> str:
    silent = [pair for pair in _wrong(found) if pair.lost == pair.sent]
    for node in found.nodes:
        own = [pair for pair in found.pairs if node in (pair.source, pair.target)]
        if silent and own and all(pair in silent for pair in own):
            return f"node {node} answers nobody: is it down, or cut off? `fogbed status` tells"
    return ""


def _late_emulation(found: Verification) -> str:
    late = found.surroundings and found.surroundings.lateness_ms
    if not late or late < found.tolerance.or_ms or not any(p.error_ms > 0 for p in _wrong(found)):
        return ""
    return (
        f"the emulation itself lets packets leave {late:.2f} ms late (p99): it waits for a "
        "processor; give it one, or ask for fewer nodes on this machine"
    )


def _full_queues(found: Verification) -> str:
    wrong = {(p.source, p.target) for p in _wrong(found)}
    wrong |= {(loss.source, loss.target) for loss in found.losses if not loss.ok}
    struck = [each for each in found.drops if _ends(each) in wrong or _ends(each)[::-1] in wrong]
    if not struck:
        return ""
    most = struck[0]
    return (
        f"the queue of {most.source} to {most.target} had no room for {most.dropped} packets "
        f"({most.carried} came through): other traffic fills its rate; verify without it, or ask "
        "for a higher rate"
    )


def _ends(each: Drops) -> tuple[str, str]:
    return each.source, each.target


def _changed_network(found: Verification) -> str:
    free = [pair for pair in found.pairs if not pair.asked_rtt_ms and not pair.under_load]
    slower = [pair for pair in free if not pair.ok and pair.error_ms > 0]
    if len(slower) < _FEWEST_PAIRS or len(slower) < _MOST_OF * len(free):
        return ""
    if _busy_nodes(found):
        return ""
    return (
        f"{len(slower)} of {len(free)} pairs to which nothing is added are slower too: the network "
        "itself is not what it was when it was measured bare; `--clear-first` measures it anew"
    )


def _one_node(found: Verification) -> str:
    wrong = _wrong(found)
    if len(found.nodes) <= _FEWEST_PAIRS or len(wrong) < _FEWEST_PAIRS:
        return ""
    counted = Counter(node for pair in wrong for node in (pair.source, pair.target))
    node, count = counted.most_common(1)[0]
    own = [pair for pair in found.pairs if node in (pair.source, pair.target)]
    others = len(wrong) - count
    if count < _MOST_OF * len(own) or others > (1 - _MOST_OF) * len(wrong):
        return ""
    load = found.surroundings.loads.get(node) if found.surroundings else None
    if load is not None and load >= BUSY:
        return f"node {node} is busy: {load:.1f} processes per processor want to run there"
    idle = "" if load is None else f", though it is not busy (load {load:.1f} per processor)"
    return f"{count} of {len(wrong)} wrong pairs are node {node}'s: its own link or clock{idle}"


def _busy_nodes(found: Verification) -> list[str]:
    loads = found.surroundings.loads if found.surroundings else {}
    return sorted((node for node in loads if loads[node] >= BUSY), key=lambda n: -loads[n])


def _busy_everywhere(found: Verification) -> str:
    busy = _busy_nodes(found)
    if not busy or found.surroundings is None or not any(p.error_ms > 0 for p in _wrong(found)):
        return ""
    load = found.surroundings.loads[busy[0]]
    if found.surroundings.one_machine:
        return (
            f"this machine is busy: {load:.1f} processes per processor want to run; end what else "
            "runs on it, and verify again"
        )
    return f"busy nodes: {', '.join(busy[:5])} (up to {load:.1f} processes per processor)"


def _only_loaded(found: Verification) -> str:
    wrong = _wrong(found)
    if not wrong or not all(pair.under_load for pair in wrong):
        return ""
    return (
        "as asked while the links are idle, and not under load: packets queue in front of a rate "
        "or for a processor"
    )


def _directions(found: Verification) -> str:
    wrong = [pair for pair in _wrong(found) if not math.isnan(pair.error_ms)]
    if not wrong:
        return ""
    errors = {(p.source, p.target, p.under_load): p.error_ms for p in found.pairs}
    worst = max(wrong, key=lambda pair: abs(pair.error_ms) / pair.allowed_ms)
    back = errors.get((worst.target, worst.source, worst.under_load), math.nan)
    pair = f"{worst.source} and {worst.target}"
    larger = max(abs(worst.error_ms), abs(back))
    if abs(worst.error_ms - back) <= _ALIKE * larger:
        way = "more" if worst.error_ms > 0 else "less"
        off = format_delay(round(abs(worst.error_ms), 2))
        return (
            f"{pair} are {off} {way} apart than expected in both directions alike: what the links "
            "between them add is not what was asked, or their bare RTT has changed "
            "(`--clear-first` measures it anew)"
        )
    return (
        f"only {worst.source} sees {worst.target} so: both directions pass the same links, so it "
        f"is node {worst.source} that measured late; is it busy?"
    )


def _clocks(found: Verification) -> str:
    if found.one_ways and all(pair.ok for pair in found.pairs):
        wrong = [way for way in found.one_ways if not way.ok]
        if any(way.bound_ms for way in wrong):
            return (
                "round trips are as asked and one-way delays are not: a clock is off by more than "
                "it says, or the two directions were taken for each other"
            )
        if wrong:
            return (
                "round trips are as asked and one-way delays are not: the two directions share "
                "the delay otherwise than was asked"
            )
    return ""
