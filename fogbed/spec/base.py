"""What all specs share: frozen, unknown keys refused, quantities parsed by ``fogbed.units``.

Quantities are numbers in one unit each: delays in milliseconds, durations in seconds, link rates
in bit/s, ride rates in rides/s, loss as a fraction of 1, memory in bytes. In files, in JSON and in
the JSON Schema they are text with a unit.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

from fogbed import units

Tier = Literal["cloud", "fog", "edge"]
TIERS: tuple[Tier, ...] = ("cloud", "fog", "edge")
ApiVersion = Literal["fogbed/v1"]

# A label of RFC 1123, section 2.1: what host names and names in Kubernetes are made of.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Keys and values of Kubernetes labels, which node labels become on kind and Pis.
_TAG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def _schema(quantity: units.Quantity) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string", "pattern": quantity.pattern}
    return WithJsonSchema(
        text | {"description": quantity.noun, "examples": [quantity.example]},
    )


def _name(text: str) -> str:
    if _LABEL.fullmatch(text):
        return text
    plain = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63].strip("-") or "node-1"
    raise ValueError(
        f"{text!r} is not a name (RFC 1123: 1 to 63 of a-z, 0-9 and '-'); write {plain}"
    )


def _tag(text: str) -> str:
    if _TAG.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is not a label; write up to 63 of letters, digits, '-', '_', '.'")


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address; write one like 192.0.2.10") from None


def _cidr(text: str) -> str:
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a network ({error}); write one like 10.244.0.0/16"
        ) from None


DelayMs = Annotated[
    float,
    BeforeValidator(units.parse_delay_ms),
    PlainSerializer(units.format_delay, return_type=str, when_used="json"),
    _schema(units.DELAY),
]
DurationS = Annotated[
    float,
    BeforeValidator(units.parse_duration_s),
    PlainSerializer(units.format_duration, return_type=str, when_used="json"),
    _schema(units.DURATION),
]


def duration_within(least_s: float, most_s: float) -> AfterValidator:
    """Return the bounds of a duration in seconds; one beyond them is told with its unit."""
    return AfterValidator(_within(least_s, most_s, units.format_duration))


def memory_from(least: int) -> AfterValidator:
    """Return the least of a size in bytes; less is told with its unit."""
    return AfterValidator(_within(least, math.inf, units.format_memory))


def _within(least: float, most: float, show: Callable[[Any], str]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:  # noqa: ANN401 - a number, of the type that it is of
        if value < least:
            raise ValueError(f"{show(value)} is too small; write {show(least)} or more")
        if value > most:
            raise ValueError(f"{show(value)} is too large; write {show(most)} or less")
        return value

    return checked


RateBps = Annotated[
    int,
    BeforeValidator(units.parse_rate_bps),
    PlainSerializer(units.format_rate, return_type=str, when_used="json"),
    _schema(units.RATE),
]
Fraction = Annotated[
    float,
    BeforeValidator(units.parse_fraction),
    PlainSerializer(units.format_fraction, return_type=str, when_used="json"),
    _schema(units.FRACTION),
]
RideRate = Annotated[
    float,
    BeforeValidator(units.parse_ride_rate),
    PlainSerializer(units.format_ride_rate, return_type=str, when_used="json"),
    _schema(units.RIDE_RATE),
]
Memory = Annotated[
    int,
    BeforeValidator(units.parse_memory),
    PlainSerializer(units.format_memory, return_type=str, when_used="json"),
    _schema(units.MEMORY),
]

Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL.pattern}$", "examples": ["metro"]}),
]
# In a file a node's name or address may be a range, which stands for several nodes.
NodeName = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[a-z0-9\[\]:-]+$", "examples": ["pico-1", "pico-[2:9]"]}
    ),
]
Address = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9.\[\]:]+$",
            "examples": ["192.0.2.10", "192.0.2.[12:19]"],
        }
    ),
]
Cidr = Annotated[
    str,
    AfterValidator(_cidr),
    WithJsonSchema({"type": "string", "examples": ["10.244.0.0/16"]}),
]
LabelKey = Annotated[str, AfterValidator(_tag)]
LabelValue = Annotated[str, AfterValidator(_tag)]


class Spec(BaseModel):
    """The base of every model that comes from a user's file.

    ``EXAMPLES`` shows, per key that must be given, what to write; else ``fields`` knows.
    """

    EXAMPLES: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
