"""What was lost as asked, told apart from what found a queue full.

netem has one counter for both (sch_netem.c). Where no loss is asked, all of it is the queue's;
where everything is lost, none. In between, what the asked loss explains (five standard deviations
above its mean at most) counts as lost, and only what is beyond as dropped: a queue that overflows
drops a large share or nothing.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fogbed.network.agent.tc_reading import Flow
from fogbed.plan.tc import CERTAIN, Leaf

_DEVIATIONS = 5


@dataclass
class Losses:
    """One peer's account, settled whenever another loss is asked: each explains its own."""

    share: float = 0.0
    lost: int = 0
    dropped: int = 0
    drops: int = 0
    offered: int = 0

    def settle(self, flow: Flow) -> None:
        """Take what the kernel counted since the last time."""
        offered = flow.packets + flow.queued + flow.drops
        drops, packets = flow.drops - self.drops, offered - self.offered
        self.drops, self.offered = flow.drops, offered
        mean = max(0, packets) * self.share
        explained = math.ceil(mean + _DEVIATIONS * math.sqrt(mean * (1 - self.share)))
        lost = max(0, min(drops, explained))
        self.lost += lost
        self.dropped += max(0, drops - lost)

    def ask(self, leaf: Leaf) -> None:
        """Expect another loss from now on."""
        self.share = 1.0 if leaf.cut else leaf.loss / CERTAIN
