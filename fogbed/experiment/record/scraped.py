"""``metrics/prometheus.parquet``: what the testbed's Prometheus scraped during a run, kept with it.

Long format, a row per sample, at the sample's own time: nothing is made of it, and where Prometheus
was away there are no rows. What the run sampled itself is in ``samples-NNNNN.parquet``: assertions
and reports read that, and never this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.clients.prometheus_values import Window
from fogbed.clients.series import NAME, Labels, Series, joined, labels_of
from fogbed.experiment.record.selector import Selector

FILE = "prometheus.parquet"
# labels: a JSON object with its keys in order, without the name
SCRAPED_SCHEMA = pa.schema(
    [
        ("time", pa.float64()),
        ("name", pa.string()),
        ("labels", pa.string()),
        ("value", pa.float64()),
    ]
)


class ScrapedFile:
    """Writes the file part by part; it is in its place once it is closed, or not at all."""

    def __init__(self, metrics_folder: Path) -> None:
        self._path = metrics_folder / FILE
        self._beside = metrics_folder / f".{FILE}.new"
        self._writer = pq.ParquetWriter(self._beside, SCRAPED_SCHEMA, compression="zstd")

    def write(self, series: Iterable[Series]) -> int:
        """Append series and return how many samples they had."""
        columns: tuple[list[float], list[str], list[str], list[float]] = ([], [], [], [])
        for each in series:
            count = len(each.samples)
            columns[0].extend(time for time, _ in each.samples)
            columns[1].extend([each.name] * count)
            columns[2].extend([_text(each.labels)] * count)
            columns[3].extend(value for _, value in each.samples)
        if columns[0]:
            self._writer.write_table(pa.table(list(columns), schema=SCRAPED_SCHEMA))
        return len(columns[0])

    def close(self) -> None:
        """Put the file in its place."""
        self._writer.close()
        os.replace(self._beside, self._path)  # noqa: PTH105 - as write_whole, for a file of any size

    def discard(self) -> None:
        """Leave nothing."""
        with suppress(OSError):
            self._writer.close()
        self._beside.unlink(missing_ok=True)


def read_scraped(metrics_folder: Path, selector: Selector, window: Window) -> list[Series]:
    """Return what was kept of the series that are selected; [] where nothing was kept."""
    path = metrics_folder / FILE
    if not path.exists():
        return []
    filters: list[tuple[str, str, float | str]] = [
        ("time", ">=", window.start),
        ("time", "<=", window.end),
    ]
    if selector.name is not None:
        filters.append(("name", "==", selector.name))
    table = pq.read_table(path.absolute(), filters=filters)
    known: dict[tuple[str, str], Labels] = {}
    rows = zip(*(table.column(name).to_pylist() for name in SCRAPED_SCHEMA.names), strict=True)
    parts = (
        Series(labels, ((time, value),))
        for time, name, text, value in rows
        if selector.matches(labels := _labels(known, name, text))
    )
    return [Series(each.labels, tuple(sorted(each.samples))) for each in joined(parts)]


def names_kept(metrics_folder: Path) -> list[str]:
    """Return the names of the metrics that were kept, in order."""
    return sorted(set(_names(metrics_folder / FILE)))


def _names(path: Path) -> Iterator[str]:
    if path.exists():
        yield from pq.read_table(path.absolute(), columns=["name"]).column(0).unique().to_pylist()


def _text(labels: Labels) -> str:
    return json.dumps({name: value for name, value in labels if name != NAME}, sort_keys=True)


def _labels(known: dict[tuple[str, str], Labels], name: str, text: str) -> Labels:
    if (name, text) not in known:
        known[name, text] = labels_of({NAME: name, **json.loads(text)})
    return known[name, text]
