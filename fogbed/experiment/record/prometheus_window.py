"""A run keeps its window of the testbed's Prometheus: series that were scraped, alerts that fired.

Both are for looking at once the testbed is gone; a run that cannot have them is as good as before.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.clients.series import NAME, Series
from fogbed.experiment.record.scraped import ScrapedFile

# what explains a run first: where there is no room for all, the last ones are left out
JOBS = ("flink", "process", "node", "minio", "prometheus", "kubelet", "cadvisor")
# some 60 MB as Parquet: ten minutes of 60 nodes at 5 s are half of it
MOST_SAMPLES = 5_000_000
MOST_SECONDS = 30.0
_OF_EVERY_ALERT: Final = (NAME, "alertname", "alertstate", "testbed")
# how many intervals may be between two evaluations of a rule: a busy node is late with one
_REGULAR = 2.5
# of one request: what many nodes have scraped in it still fits into memory
_PART_S = 120.0


@dataclass(slots=True)
class Kept:
    """What came of it: how many samples, and what was left out, as words for a journal."""

    samples: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may be kept, and how long it may take."""

    samples: int = MOST_SAMPLES
    seconds: float = MOST_SECONDS


def keep_scraped(
    client: PrometheusClient, testbed: str, window: Window, metrics_folder: Path, room: Room
) -> Kept:
    """Write ``prometheus.parquet`` with what was scraped of a testbed in a window.

    Raises:
        ServiceError: Prometheus does not answer; nothing is written.
    """
    kept, end = Kept(), clock.monotonic() + room.seconds
    file = ScrapedFile(metrics_folder)
    try:
        for job in JOBS:
            for part in _parts(window):
                why = _no_room(kept, end, room)
                if why:
                    kept.left_out.append(f"{job} from {part.start - window.start:.0f} s on ({why})")
                    break
                found = client.raw(f'{{job="{job}",testbed="{testbed}"}}', part)
                kept.samples += file.write(found)
    except BaseException:
        file.discard()
        raise
    file.close() if kept.samples else file.discard()
    return kept


def _no_room(kept: Kept, end: float, room: Room) -> str:
    if kept.samples >= room.samples:
        return f"{room.samples:,} samples are kept"
    return f"it took {room.seconds:g} s" if clock.monotonic() >= end else ""


def _parts(window: Window) -> Iterator[Window]:
    """Yield a window's parts; none has a millisecond of another."""
    begin = window.start
    while begin <= window.end:
        yield Window(begin, min(begin + _PART_S - 0.001, window.end))
        begin += _PART_S


def alerts_fired(client: PrometheusClient, testbed: str, window: Window) -> list[dict[str, Any]]:
    """Return the alerts that fired in a window, as ``metrics/alerts.json`` keeps them.

    One of the whole testbed need not have its name in its labels.

    Raises:
        ServiceError: Prometheus does not answer.
    """
    selector = f'ALERTS{{alertstate="firing",testbed=~"{testbed}|"}}'
    fired = [span for series in client.raw(selector, window) for span in firing_spans(series)]
    return sorted(fired, key=lambda span: (span["from"], span["name"]))


def firing_spans(series: Series) -> list[dict[str, Any]]:
    """Return when an alert fired: from sample to sample as long as they come regularly.

    Rules are evaluated at equal intervals. What is missing is a gap: either it ceased to fire, or
    Prometheus was away, and nobody knows.
    """
    times = [time for time, _ in series.samples]
    distances = [later - earlier for earlier, later in pairwise(times)]
    longest_s = _REGULAR * median(distances) if distances else 0.0
    breaks = [index for index, each in enumerate(distances, 1) if each > longest_s]
    labels = {name: value for name, value in series.labels if name not in _OF_EVERY_ALERT}
    return [
        {
            "name": series.label("alertname"),
            "labels": labels,
            "from": times[first],
            "to": times[last - 1],
        }
        for first, last in pairwise([0, *breaks, len(times)])
    ]
