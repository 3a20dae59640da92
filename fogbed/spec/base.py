"""What all specs share: frozen, unknown keys refused, quantities parsed by ``fogbed.units``.

Quantities are numbers in one unit each: delays in milliseconds, durations in seconds, link rates
in bit/s, ride rates in rides/s, loss as a fraction of 1, memory in bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from fogbed import units

Tier = Literal["cloud", "fog", "edge"]
TIERS: tuple[Tier, ...] = ("cloud", "fog", "edge")
ApiVersion = Literal["fogbed/v1"]

DelayMs = Annotated[float, BeforeValidator(units.parse_delay_ms)]
DurationS = Annotated[float, BeforeValidator(units.parse_duration_s)]
RateBps = Annotated[int, BeforeValidator(units.parse_rate_bps)]
Fraction = Annotated[float, BeforeValidator(units.parse_fraction)]
RideRate = Annotated[float, BeforeValidator(units.parse_ride_rate)]
Memory = Annotated[int, BeforeValidator(units.parse_memory)]


class Spec(BaseModel):
    """The base of every model that comes from a user's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
