"""How figures look on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fogbed.cli import console
from fogbed.clients.series import NAME, Series
from fogbed.experiment.pushing.run_series import OF_RUNS, PREFIX, is_pushed, metric_name
from fogbed.experiment.sampling.metric_names import METRICS


def show_names(scraped: Mapping[str, str], place: str, *, as_json: bool) -> None:
    """Print fogbed's own metrics, and those that were scraped, with what is known of them."""
    own = [
        (metric_name(metric.name), metric.unit, metric.meaning)
        for metric in METRICS.values()
        if is_pushed(metric)
    ]
    own += [(PREFIX + name, "1", meaning) for name, meaning in OF_RUNS.items()]
    others = [
        (name, "", meaning) for name, meaning in scraped.items() if not name.startswith(PREFIX)
    ]
    columns = ("name", "unit", "meaning")
    if as_json:
        console.say_json([dict(zip(columns, row, strict=True)) for row in (*own, *others)])
        return
    console.say("sampled by fogbed while a run lasts:")
    console.say_table(columns, own)
    if others:
        console.say(f"beside them, from {place}:")
        console.say_table(("name", "meaning"), [(name, meaning) for name, _, meaning in others])


def series_as_json(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Return series as JSON can hold them; what is not a number or infinite is text."""
    return [
        {
            "labels": dict(each.labels),
            "samples": [[time, _json_figure(value)] for time, value in each.samples],
        }
        for each in series
    ]


def show_series(series: Sequence[Series], place: str, *, origin: float | None) -> None:
    """Print a row per series: its value, or how its values lie where it has several.

    ``origin``: the first ride of the run, from which times are counted; None: clock times.
    """
    if not series:
        console.note(f"nothing, says {place}; `fogbed metrics list` has the names there are")
        return
    shown = sorted(series, key=lambda each: each.labels)
    names = list(dict.fromkeys(name for each in shown for name, _ in each.labels if name != NAME))
    has_names = any(each.name for each in shown)
    head = [*(["name"] if has_names else []), *names]
    lead = [
        [*([each.name] if has_names else []), *(each.label(name) for name in names)]
        for each in shown
    ]
    zone = " (UTC)" if origin is None else ""
    if all(len(each.samples) == 1 for each in shown):
        columns, rest = [f"at{zone}", "value"], [_single(each, origin) for each in shown]
    else:
        columns = [f"from{zone}", f"to{zone}", *_SPREAD]
        rest = [_spread(each, origin) for each in shown]
    rows = [[*cells, *more] for cells, more in zip(lead, rest, strict=True)]
    console.say_table([*head, *columns], rows)
    console.note(f"from {place}")


def show_written(series: Sequence[Series], path: Path) -> None:
    """Say what a file has."""
    values = sum(len(each.samples) for each in series)
    names = len({each.name for each in series})
    console.say(f"{values:,} values of {names} metrics are in {path}")


_SPREAD = ("values", "min", "mean", "max", "last")


def _single(series: Series, origin: float | None) -> list[str]:
    ((time, value),) = series.samples
    return [_moment(time, origin), _figure(value)]


def _spread(series: Series, origin: float | None) -> list[str]:
    times = [time for time, _ in series.samples]
    values = [value for _, value in series.samples]
    mean = sum(values) / len(values)
    ends = [_moment(times[0], origin), _moment(times[-1], origin)]
    figures = (min(values), mean, max(values), values[-1])
    return [*ends, str(len(values)), *map(_figure, figures)]


def _moment(time: float, origin: float | None) -> str:
    if origin is None:
        return datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
    return f"{time - origin:.0f} s"


def _figure(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"  # noqa: PLR2004 - as it reads


def _json_figure(value: float) -> float | str:
    text = json.dumps(value)
    return text if text in ("NaN", "Infinity", "-Infinity") else value
