"""A job's files and folders: as Flink reads them, and as they were meant when read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fogbed import links
from fogbed.plan.job import JobRequest, LandmarksFile, RideCount, RidesFile


def as_flink_reads(request: JobRequest) -> JobRequest:
    """Return the request with absolute paths that Flink can name, links where it must be."""
    return _renamed(request, lambda path: links.for_flink(path.absolute()))


def as_meant(request: JobRequest) -> JobRequest:
    """Return a request that was read back from Flink with the paths it was made with."""
    return _renamed(request, links.real)


def _renamed(request: JobRequest, rename: Callable[[Path], Path]) -> JobRequest:
    rides = RidesFile(
        name=request.rides.name,
        rides_file=rename(request.rides.rides_file),
        index_file=rename(request.rides.index_file),
        manifest=RideCount(request.rides.manifest.rides),
    )
    landmarks = LandmarksFile(name=request.landmarks.name, path=rename(request.landmarks.path))
    output = rename(request.output) if request.output is not None else None
    return replace(request, rides=rides, landmarks=landmarks, output=output)
