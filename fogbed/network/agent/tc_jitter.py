"""Jitter on netem: its delay changed in place along the law of ``fogbed.network.jitter``.

netem's own jitter draws anew for each packet, which reorders them or, where it keeps their order,
makes the mean grow with the packet rate. Here the delay of a link is a function of time, changed in
steps: every quarter of the jitter, but not more often than every 5 ms (the law's slope is at most
0.4, so that a step is a tenth of the jitter at most), and all links of a node together not more
often than `MOST_PER_S` times a second: with more links than that allows, all steps become longer
alike. A step's delay is the law's in its middle. Order is kept through netem's rate.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from fogbed.network.jitter import Jitter
from fogbed.plan.tc import Leaf

LEAST_PERIOD_NS = 5_000_000
STEPS_PER_JITTER = 4
MOST_PER_S = 1_000
"""Changes of a delay per second and node. A change in place took 67 microseconds of a processor
alone and 19 among twenty (HTB classes, kernel 6.18, 2-core virtual machine): jitter takes a few
percent of one such core at most, however many links have it."""


@dataclass(frozen=True)
class Driven:
    """A link whose delay follows the law: its netem with the delay that the noise is added to.

    ``key`` is what the law is drawn from (``path_key``).
    """

    device: int
    minor: int
    leaf: Leaf
    jitter_ns: int
    key: int


class JitterDriver:
    """Changes delays when they are due; ``change`` carries (device, minor, leaf) out, in one go."""

    def __init__(
        self,
        change: Callable[[list[tuple[int, int, Leaf]]], None],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._change = change
        self._clock = clock
        self.links: dict[str, Driven] = {}
        self._laws: dict[str, Jitter] = {}
        self._due: list[tuple[int, str]] = []
        self._stretch = 1.0
        self.least_stretch = 1.0
        """How many times longer than asked steps are at least; for a pace beyond one node's."""
        self.written: dict[str, int] = {}
        """The delay that each link was given last, in nanoseconds."""

    def drive(self, links: Mapping[str, Driven], origin_ns: int) -> None:
        """Drive these links from now on, and no others; time 0 of the law is ``origin_ns``."""
        before = self.links
        self.links = dict(links)
        self._laws = {
            name: Jitter(each.key, each.jitter_ns, origin_ns) for name, each in links.items()
        }
        asked = sum(1e9 / asked_period_ns(each.jitter_ns) for each in links.values())
        self._stretch = max(1.0, asked / MOST_PER_S)
        self.written = {
            name: delay
            for name, delay in self.written.items()
            if before.get(name) == links.get(name)
        }
        now = self._clock()
        # Spread over their periods, so that they do not all come at once again and again.
        self._due = [
            (now + int(self.period_ns(name) * number / max(1, len(links))), name)
            for number, name in enumerate(links)
        ]
        heapq.heapify(self._due)

    def period_ns(self, name: str) -> int:
        """Return the length of a link's steps, in nanoseconds."""
        stretch = max(self._stretch, self.least_stretch)
        return int(asked_period_ns(self.links[name].jitter_ns) * stretch)

    def step(self) -> float | None:
        """Change what is due; return the seconds until there is something again (None: never)."""
        if not self._due:
            return None
        now = self._clock()
        changes = []
        while self._due[0][0] <= now:
            name = self._due[0][1]
            period = self.period_ns(name)
            each = self.links[name]
            noise = self._laws[name].at(now + period // 2)
            delay = max(0, each.leaf.delay_ns + noise)
            changes.append((each.device, each.minor, replace(each.leaf, delay_ns=delay)))
            self.written[name] = delay
            # A late step is not made up for: the next one has the law's delay of its own time.
            heapq.heapreplace(self._due, (max(self._due[0][0] + period, now + period // 2), name))
        self._change(changes)
        return max(0.0, (self._due[0][0] - self._clock()) / 1e9)


def asked_period_ns(jitter_ns: int) -> int:
    """Return how long a link's steps are to be, as long as there are not too many of them."""
    return max(LEAST_PERIOD_NS, jitter_ns // STEPS_PER_JITTER)
