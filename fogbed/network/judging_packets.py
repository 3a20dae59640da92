"""Judges what became of a flow's packets: lost, corrupted, doubled, out of order. Pure.

A flow's packets are numbered from 0 in the order in which they are sent, and carry a checksum of
their own over number and payload.

- **Lost**: sent, and neither came in nor found the receiver's buffer full. A link that corrupts
  packets also loses those whose headers it hits, which no receiver is given; a link that doubles
  packets may lose one of two (netem) or neither: either is allowed for.
- **Corrupted**: came in with a wrong checksum. What is hit in the headers is not seen: the share
  of the octets that can be seen bounds how many these are.
- **Doubled**: intact, and came in a second time.
- **Reordered**: RFC 4737 (3.3) calls a packet reordered whose number is below the next one
  expected, which is one above the largest so far; of a packet that came twice the first counts.
  That is `late` here: those who were overtaken. Emulators take a share of packets that overtake
  (tc-netem(8): "sent immediately"), and one of these makes as many late as were on their way,
  which depends on the packet rate and not on what was asked. So those who overtook are judged:
  packets that came in before one that was sent before them.
"""

from __future__ import annotations

import math

from fogbed.network.agent_client import Received
from fogbed.network.binomial import binomial_interval, shared_confidence
from fogbed.network.verdicts import Fault, FaultVerdict, LossVerdict
from fogbed.plan.network import Impairment

HEADERS = 14 + 20 + 8
"""Octets of a packet in which a hit is not seen: Ethernet, IP and UDP."""
FRAME = 14
"""What Ethernet adds to a packet of layer 3."""


def judge_loss(  # noqa: PLR0913 - what was asked and seen, and of what; all but two by keyword
    ends: tuple[str, str], way: Impairment, *, sent: int, lost: int, judged: int, size: int = 0
) -> LossVerdict:
    """Return the verdict on ``lost`` of ``sent`` packets, one of ``judged`` verdicts together.

    ``size`` is the packets', in octets of layer 3: of those that are corrupted, so many are lost.
    """
    low, high = binomial_interval(lost, sent, confidence=shared_confidence(judged))
    least = way.loss * (1 - way.duplicate)
    most = way.loss + (1 - way.loss) * way.corrupt * _unseen(size)
    return LossVerdict(
        source=ends[0],
        target=ends[1],
        asked=way.loss,
        sent=sent,
        lost=lost,
        measured=lost / sent if sent else math.nan,
        low=low,
        high=high,
        ok=low <= most and least <= high and sent > 0,
    )


def judge_faults(
    ends: tuple[str, str], way: Impairment, got: Received, *, judged: int, size: int
) -> list[FaultVerdict]:
    """Return a verdict on every fault that ``way`` asks for, from packets of ``size`` octets.

    Of faults that strike the same packet one may hide the other: what is asked may seem less by
    as much as the others are asked.
    """
    came = got.packets + got.doubled + got.corrupted
    asked: tuple[tuple[Fault, float, int, int], ...] = (
        ("corrupt", way.corrupt, got.corrupted, came),
        ("duplicate", way.duplicate, got.doubled, got.packets),
        ("reorder", way.reorder, got.overtook, got.packets),
    )
    return [
        _judge_fault(fault, ends, way, got, hits=hits, trials=trials, judged=judged, size=size)
        for fault, share, hits, trials in asked
        if share
    ]


def _judge_fault(  # noqa: PLR0913 - what was asked, seen and hidden; by keyword
    fault: Fault,
    ends: tuple[str, str],
    way: Impairment,
    got: Received,
    *,
    hits: int,
    trials: int,
    judged: int,
    size: int,
) -> FaultVerdict:
    share = {"corrupt": way.corrupt, "duplicate": way.duplicate, "reorder": way.reorder}
    asked = share[fault]
    others = way.loss + sum(share.values()) - asked
    hidden = others + (_unseen(size) if fault == "corrupt" else 0.0)
    # a duplicate that is corrupted or late by itself counts once more
    least, most = asked * max(0.0, 1 - hidden), asked * (1 + others)
    low, high = binomial_interval(hits, trials, confidence=shared_confidence(judged))
    return FaultVerdict(
        fault=fault,
        source=ends[0],
        target=ends[1],
        asked=asked,
        trials=trials,
        hits=hits,
        late=got.late if fault == "reorder" else 0,
        measured=hits / trials if trials else math.nan,
        low=low,
        high=high,
        ok=low <= most and least <= high and trials > 0,
    )


def _unseen(size: int) -> float:
    """Return which part of a packet of ``size`` octets (layer 3) its headers are at most."""
    return min(1.0, HEADERS / (size + FRAME)) if size else 0.0
