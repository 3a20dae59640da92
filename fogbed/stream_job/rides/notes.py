"""What a user should know of an import beside its figures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from fogbed.stream_job.rides.columns import is_elsewhere
from fogbed.stream_job.rides.datasets import Manifest, SourceFile

_BY_DIGITS: Final = "times labelled {}, taken by their digits (--utc converts them)"


def notes_of(manifest: Manifest) -> Iterator[str]:
    """Yield how times were understood, what could not be judged, and what was left out."""
    by_clock: dict[str, list[SourceFile]] = {}
    for source in manifest.sources:
        if not source.rides or source.converted + source.labelled < source.rides:
            by_clock.setdefault(_clock(source, utc=manifest.utc), []).append(source)
    yield from (f"{clock}: {_listed(sources)}" for clock, sources in by_clock.items())
    yield from _of_rows(manifest.sources)
    if manifest.without_dropoff:
        what = f"{_rides(manifest.without_dropoff)} without a drop-off time"
        yield f"{what}: durations could not be judged"
    yield from (f"left out: {each}" for each in manifest.left_out)


def _of_rows(sources: Sequence[SourceFile]) -> Iterator[str]:
    """Yield what the rows themselves told of their clocks, counted."""
    if converted := [source for source in sources if source.converted]:
        rides = _rides(sum(source.converted for source in converted))
        what = "times with a zone or an offset, converted to New York's clock"
        yield f"{what}: {rides} of {_listed(converted)}"
    if labelled := [source for source in sources if source.labelled]:
        rides = _rides(sum(source.labelled for source in labelled))
        yield f"{_BY_DIGITS.format('UTC')}: {rides} of {_listed(labelled)}"
    if apart := [source for source in sources if source.apart]:
        rides = _rides(sum(source.apart for source in apart))
        what = f"{rides} with a zone or an offset at only one of the two times"
        way_out = "--utc takes a time without a zone for UTC's"
        yield f"{what}: the drop-off is left out ({way_out}): {_listed(apart)}"


def _rides(count: int) -> str:
    return f"{count:,} {'ride' if count == 1 else 'rides'}"


def _clock(source: SourceFile, *, utc: bool) -> str:
    if is_elsewhere(source.zone):
        return f"times of the zone {source.zone}, converted to New York's clock"
    if utc:
        return "times of UTC, converted to New York's clock"
    if source.zone:
        return _BY_DIGITS.format(source.zone)
    return "times as written, taken as New York's clock"


def _listed(sources: Sequence[SourceFile]) -> str:
    first = sources[0].member or Path(sources[0].path).name
    return f"{first} and {len(sources) - 1} more" if len(sources) > 1 else first
