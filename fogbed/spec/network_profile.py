"""NetworkProfile: the wanted state of a network, by node, tier or both."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fogbed.spec.base import ApiVersion, DelayMs, Fraction, Name, RateBps, Spec


class Shape(Spec):
    """What is added in one direction; None leaves it as it is."""

    delay: DelayMs | None = None
    jitter: DelayMs | None = None
    loss: Fraction | None = None
    rate: RateBps | None = None


class LinkRule(Shape):
    """One line of ``links``: ``from``/``to`` (one direction) or ``between`` (both).

    Each end is the name of a node or of a tier. ``rtt`` (milliseconds, with ``between`` only)
    stands for twice the delay.
    """

    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    between: tuple[str, str] | None = None
    rtt: DelayMs | None = None

    @property
    def one_way_ms(self) -> float | None:
        """The one-way delay in milliseconds, whichever way it was given."""
        return self.delay if self.rtt is None else self.rtt / 2

    def directions(self) -> tuple[tuple[str, str], ...]:
        """The ordered pairs of ends this line speaks of."""
        if self.between is not None:
            a, b = self.between
            return ((a, b), (b, a)) if a != b else ((a, b),)
        return ((self.from_ or "", self.to or ""),)


class NetworkProfile(Spec):
    """A network's wanted state; with ``emulation: none`` it is the one that is there already."""

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["NetworkProfile"]
    name: Name
    emulation: Literal["on", "none"] = Field(
        default="on",
        description="none: the network stays as it is, and actions that change it are left out.",
    )
    default: Shape = Shape()
    links: tuple[LinkRule, ...] = ()

    @property
    def why_not_emulated(self) -> str:
        """Why nothing is emulated, as a phrase; empty where something is."""
        return "" if self.emulation == "on" else f"the profile {self.name} emulates nothing"
