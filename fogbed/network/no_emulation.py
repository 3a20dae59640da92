"""The network as it is: the emulator of testbeds whose links nothing shapes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from fogbed.errors import NetworkError
from fogbed.network.emulator import LinkCounters, Told
from fogbed.plan.network import NetworkPlan, untouched

_WAY_OUT = "a profile with `emulation: none` leaves the network as it is, as profiles/none.yml"


class NoEmulation:
    """A ``LinkEmulator`` of ``nodes`` that can do nothing, and says so when it is asked for more.

    A plan that adds nothing is in force all the time.
    """

    lease_s: float | None = None

    def __init__(self, nodes: Sequence[str]) -> None:
        self._plan = untouched(nodes)

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        """Do nothing: there is nothing that could be leased."""
        del told
        return nullcontext()

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:  # noqa: ARG002 - the seam's
        """Return if ``plan`` adds nothing, for however long.

        Raises:
            NetworkError: it adds something somewhere.
        """
        touched = len(list(plan.links()))
        if touched:
            raise NetworkError(
                f"nothing emulates a network here, and {touched} links are to be changed",
                hint=_WAY_OUT,
            )
        self._plan = untouched(self._plan.nodes, seed=plan.seed)

    def show(self) -> NetworkPlan:
        """Return the plan that adds nothing."""
        return self._plan

    def backends(self) -> dict[str, str]:
        """Return nothing for every node."""
        return dict.fromkeys(self._plan.nodes, "")

    def cut(self, node: str) -> None:
        """Raise NetworkError: no node can be cut off."""
        raise NetworkError(f"nothing emulates a network here: {node} cannot be cut off")

    def heal(self, node: str) -> None:
        """Raise NetworkError: no node is cut off."""
        raise NetworkError(f"nothing emulates a network here: {node} was not cut off")

    def counters(self) -> LinkCounters:
        """Return none: nobody counts what the links carry."""
        return LinkCounters(links=(), cost=None)

    def clear(self) -> None:
        """Do nothing: there is nothing to take away."""
