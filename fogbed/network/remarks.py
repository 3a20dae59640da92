"""What a profile asks of a network that may not be what was meant: sentences, no errors. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import NetworkPlan
from fogbed.units import format_delay

Matrix = npt.NDArray[np.float64]


def remarks_on(plan: NetworkPlan, bare_ms: Matrix, tolerance: Tolerance) -> list[str]:
    """Return what is worth knowing of ``plan`` laid over a network of those RTTs.

    A delay is what is added: who asks for an RTT and means what a ping shows gets the bare RTT on
    top. That is said where it is more than the tolerance's share of what is asked.
    """
    asked = plan.asked_rtt_ms()
    allowed = np.maximum(tolerance.fraction * asked, tolerance.or_ms)
    much = (asked > 0) & (np.nan_to_num(bare_ms) > allowed)
    if not much.any():
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(much, bare_ms / asked, -1.0)
    i, j = np.unravel_index(int(ratio.argmax()), ratio.shape)
    more = f" (so it is with {int(much.sum())} ordered pairs)" if much.sum() > 1 else ""
    has, wants = float(bare_ms[i, j]), float(asked[i, j])
    way_out = (
        f"for {format_delay(wants)} in all, ask for rtt: {format_delay(round(wants - has, 2))}"
        if has < wants
        else f"less than {format_delay(round(has, 2))} cannot be had between them"
    )
    pair = f"{plan.nodes[i]} to {plan.nodes[j]}"
    beside = f"{format_delay(wants)} that are added{more}"
    return [f"{pair}: the bare RTT alone is {has:.2f} ms, beside {beside}; {way_out}"]
