"""Who shapes a node, for how long without a word from there, and who is refused meanwhile; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Holder:
    """Who has shaped this network, and when it was last heard of (monotonic seconds).

    ``lease_s``: after how much silence it counts as gone; None: it need not be there, and what is
    in force stays until it is cleared.
    """

    controller: str
    testbed: str
    lease_s: float | None
    heard_s: float

    def heard(self, now_s: float) -> Holder:
        """Return it as heard of just now."""
        return replace(self, heard_s=now_s)

    def left_s(self, now_s: float) -> float | None:
        """Return how long its lease still lasts; None: it has none."""
        if self.lease_s is None:
            return None
        return max(0.0, self.heard_s + self.lease_s - now_s)

    def is_over(self, now_s: float) -> bool:
        """Tell whether it has been silent for longer than its lease."""
        return self.left_s(now_s) == 0


def refusal(holder: Holder | None, *, controller: str, testbed: str | None, now_s: float) -> str:
    """Return why somebody may not change what ``holder`` has in force; "" if they may.

    Another testbed never may. Of the same testbed another controller may where no lease is held:
    the first one has gone, and left it in force on purpose. ``testbed`` None: whichever it is.
    """
    if holder is None:
        return ""
    if testbed not in (None, holder.testbed):
        return _told(holder, now_s)
    if holder.lease_s is None or controller == holder.controller:
        return ""
    return _told(holder, now_s)


def _told(holder: Holder, now_s: float) -> str:
    left = holder.left_s(now_s)
    until = (
        "until it is cleared (fogbed network clear)"
        if left is None
        else f"its lease of {holder.lease_s:g} s, renewed while it runs, lasts {left:.0f} s more"
    )
    return f"the network is shaped by {holder.controller} for testbed {holder.testbed}: {until}"
