"""NetworkProfile: the wanted state of a network, by node, tier or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from fogbed.spec.base import ApiVersion, DelayMs, Fraction, Name, RateBps, Spec
from fogbed.spec.trace_file import TraceContent


class Shape(Spec):
    """What is added in one direction; None leaves it as it is."""

    delay: DelayMs | None = None
    jitter: DelayMs | None = None
    loss: Fraction | None = None
    rate: RateBps | None = None
    corrupt: Fraction | None = None
    duplicate: Fraction | None = None
    reorder: Fraction | None = None


class TraceRef(Spec):
    """A file of what was measured of a link, and how it is replayed (``docs/network.md``).

    ``file`` is relative to the file that names it. ``loop``: it begins again at its end.
    ``stretch``: how many seconds one second of it takes.
    """

    EXAMPLES: ClassVar[Mapping[str, str]] = {"file": "traces/lte-drive.csv"}

    file: Annotated[str, Field(min_length=1)]
    loop: bool = True
    stretch: Annotated[float, Field(gt=0, le=1e6)] = 1.0

    _content: TraceContent | None = PrivateAttr(default=None)

    @property
    def content(self) -> TraceContent:
        """What the file holds.

        Raises:
            AssertionError: it has not been read: this was not loaded from a file.
        """
        if self._content is None:
            raise AssertionError(f"the trace {self.file} has not been read")
        return self._content

    def holding(self, content: TraceContent) -> TraceRef:
        """Return it with what its file holds."""
        held = self.model_copy()
        held._content = content  # noqa: SLF001 - of its own class
        return held


def _named(given: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"file": given} if isinstance(given, str) else given


class LinkRule(Shape):
    """One line of ``links``: ``from``/``to`` (one direction) or ``between`` (both).

    Each end is the name of a node or of a tier. ``rtt`` (milliseconds, with ``between`` only)
    stands for twice the delay. ``trace`` (a file, or a mapping with one) drives delay, loss and
    rate, those of them that it has.
    """

    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    between: tuple[str, str] | None = None
    rtt: DelayMs | None = None
    trace: (
        Annotated[TraceRef, BeforeValidator(_named, json_schema_input_type=str | TraceRef)] | None
    ) = None

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
