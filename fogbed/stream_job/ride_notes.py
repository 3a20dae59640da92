"""What a user should know of an import beside its figures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fogbed.stream_job.datasets import Manifest, SourceFile
from fogbed.stream_job.ride_columns import is_elsewhere


def notes_of(manifest: Manifest) -> Iterator[str]:
    """Yield how times were understood, what could not be judged, and what was left out."""
    by_clock: dict[str, list[SourceFile]] = {}
    for source in manifest.sources:
        by_clock.setdefault(_clock(source, utc=manifest.utc), []).append(source)
    yield from (f"{clock}: {_listed(sources)}" for clock, sources in by_clock.items())
    if manifest.without_dropoff:
        rides = "ride" if manifest.without_dropoff == 1 else "rides"
        what = f"{manifest.without_dropoff:,} {rides} without a drop-off time"
        yield f"{what}: durations could not be judged"
    yield from (f"left out: {each}" for each in manifest.left_out)


def _clock(source: SourceFile, *, utc: bool) -> str:
    if is_elsewhere(source.zone):
        return f"times of the zone {source.zone}, converted to New York's clock"
    if utc:
        return "times of UTC, converted to New York's clock"
    if source.zone:
        return f"times labelled {source.zone}, taken by their digits (--utc converts them)"
    return "times as written, taken as New York's clock"


def _listed(sources: Sequence[SourceFile]) -> str:
    first = sources[0].member or Path(sources[0].path).name
    return f"{first} and {len(sources) - 1} more" if len(sources) > 1 else first
