"""Every query of the dashboards as Grafana would ask it, and what is wrong with an answer.

``QUERIES`` has those of panels, of variables and of annotations, read from the rendered JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from fogbed.experiment.record.bundle import Bundle

FOLDER = Path(__file__).parents[1] / "manifests" / "grafana" / "dashboards"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
_MOST_POINTS = 1000  # about as wide as a chart is, in pixels
_PLACEHOLDER = re.compile(r"{{\s*(\w+)\s*}}")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
# Of each unit, what values can be: figures of another unit fall outside.
SANE: Mapping[str, tuple[float, float]] = {
    "percentunit": (0, 1.5),
    "ms": (-1000, 600_000),
    "s": (0, 10_000),
    "dtdurations": (0, 100 * 86400),
    "bytes": (256, 2**40),
    "Bps": (0, 2**33),
    "bps": (0, 1e11),
    "pps": (0, 1e8),
    "cps": (0, 1000),
    "recps": (0, 1e7),
    "celsius": (-20, 120),
    "none": (-1e5, 1e5),
    "bool_yes_no": (0, 1),
    "suffix: cores": (0, 256),
    "suffix: rides/s": (0, 1e7),
    "suffix: rides": (0, 1e9),
    "suffix: packets": (0, 1e6),
    "suffix: subtasks": (1, 1000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query; ``row``: the heading that it is under, "" for none; ``kind``: what asks it.

    ``none``: what its panel says where there is nothing to show.
    """

    board: str
    row: str
    title: str
    number: int
    expr: str
    kind: str
    legend: str
    unit: str
    is_instant: bool
    none: str = ""

    def __str__(self) -> str:
        return f"{self.board}: {self.title} {self.number}"

    @property
    def is_table(self) -> bool:
        """Whether its series become rows: then it has no legend."""
        return self.kind == "table"

    @property
    def is_of_emulation(self) -> bool:
        """Whether it asks for what is asked of links, or what they carry, or what that costs.

        There is nothing of it where no network is emulated.
        """
        return bool(
            re.search("fogbed_(rtt_asked_ms|link_[a-z_]*per_s|link_queued|fabric_)", self.expr)
        )

    def is_of(self, platform: str) -> bool:
        """Whether a platform has what it asks for; a row that not all have names those that do."""
        named = re.findall(r"\((clusters|Raspberry Pis|laptop)\)$", self.row)
        return not named or named[0] in platform.split(",")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is shown: from ``start`` to ``end`` in epoch seconds, scraped every ``every_s``."""

    start: float
    end: float
    every_s: float

    @property
    def step(self) -> int:
        """Seconds between points, at least one."""
        return max(1, math.ceil((self.end - self.start) / _MOST_POINTS))

    def fill(self, expr: str, variables: Mapping[str, str]) -> str:
        """Return a query with the values of variables, Grafana's own among them."""
        own = {
            "__rate_interval": f"{max(self.step + self.every_s, 4 * self.every_s):.0f}s",
            "__range": f"{self.end - self.start:.0f}s",
            "__interval": f"{self.step}s",
        }
        for name, value in {**own, **variables}.items():
            expr = re.sub(rf"\${name}\b", lambda _, value=value: value, expr)
        assert "$" not in expr, expr
        return expr


def _panels(board: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    row = ""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield row, panel
            continue
        row = panel["title"]
        for each in panel["panels"]:
            yield row, each
        if panel["collapsed"]:
            row = ""


def _units(panel: Mapping[str, Any]) -> list[str]:
    """Return the unit of each target: a table's columns have their own."""
    config = panel["fieldConfig"]
    named = {
        override["matcher"]["options"]: prop["value"]
        for override in config["overrides"]
        for prop in override["properties"]
        if prop["id"] == "unit"
    }
    organized = [t for t in panel.get("transformations", ()) if t["id"] == "organize"]
    names = organized[0]["options"]["renameByName"] if organized else {}
    usual = config["defaults"]["unit"]
    return [named.get(names.get(f"Value #{t['refId']}"), usual) for t in panel["targets"]]


def _of_panels(name: str, board: Mapping[str, Any]) -> Iterator[Query]:
    for row, panel in _panels(board):
        for number, (target, unit) in enumerate(
            zip(panel["targets"], _units(panel), strict=True), start=1
        ):
            yield Query(
                board=name,
                row=row,
                title=panel["title"],
                number=number,
                expr=target["expr"],
                kind=panel["type"],
                legend=target["legendFormat"],
                unit=unit,
                is_instant=target.get("instant", False),
                none=panel["fieldConfig"]["defaults"].get("noValue", ""),
            )


def _besides(name: str, board: Mapping[str, Any]) -> Iterator[Query]:
    plain = Query(
        board=name, row="", title="", number=1, expr="", kind="", legend="", unit="none",
        is_instant=True,
    )  # fmt: skip
    for each in board["templating"]["list"]:
        yield replace(
            plain, title=f"variable {each['name']}", kind="variable", expr=each["query"]["query"]
        )
    for each in board["annotations"]["list"]:
        # both of its texts at once: labels of either must be there
        legend = each["titleFormat"] + each["textFormat"]
        yield replace(
            plain, title=f"marks {each['name']}", kind="marks", expr=each["expr"], legend=legend,
            is_instant=False,
        )  # fmt: skip


QUERIES = [
    query
    for name, board in BOARDS.items()
    for query in (*_of_panels(name, board), *_besides(name, board))
]


# Of the charts that show a sampled metric as it is: title, number of the query, metric, operator.
AS_SAMPLED = (
    ("Rides per second", 1, "rides_out_per_s", "rides"),
    ("Rides per second", 2, "rides_in_per_s", "results"),
    ("Latency", 1, "latency_p50_ms", "results"),
    ("Latency", 2, "latency_p99_ms", "results"),
    ("Backlog", 1, "backlog_rides", "rides"),
)


def experiment_query(title: str, number: int) -> Query:
    """Return a query of the dashboard of a run."""
    (found,) = [q for q in QUERIES if (q.board, q.title, q.number) == ("experiment", title, number)]
    return found


def require_drawn(bundle: Bundle, answer: Sequence[Any], metric: str, operator: str) -> None:
    """Return if a chart of one subtask shows what the run's report draws, value by value."""
    (series,) = answer
    values = {float(value) for _, value in series["values"]}
    samples = bundle.samples([metric])
    drawn = set(samples[samples["operator"].isin([operator, ""])]["value"])
    # at each second the latest sample is shown
    assert values <= drawn
    assert len(values) > len(drawn) / 2


def ask(url: str, query: Query, window: Window, variables: Mapping[str, str]) -> Any:
    """Return Prometheus' answer: series, or a variable's values."""
    labels = _LABEL_VALUES.fullmatch(query.expr) if query.kind == "variable" else None
    times = {"start": window.start, "end": window.end}
    if labels is not None:
        asked = {"match[]": window.fill(labels.group(1), variables), **times}
        return _get(f"{url}/api/v1/label/{labels.group(2)}/values", asked)
    expr = window.fill(query.expr, variables)
    if query.is_instant:
        return _get(f"{url}/api/v1/query", {"query": expr, "time": window.end})["result"]
    asked = {"query": expr, "step": window.step, **times}
    return _get(f"{url}/api/v1/query_range", asked)["result"]


def _get(url: str, asked: Mapping[str, Any]) -> Any:
    answer = requests.get(url, params=asked, timeout=60)
    assert answer.ok, (asked, answer.text)
    return answer.json()["data"]


def faults(query: Query, answer: Sequence[Any]) -> list[str]:
    """Return what is wrong with an answer, a sentence each."""
    if query.kind == "variable":
        return [] if any(answer) else ["no value"]
    values = [v for series in answer for v in _values(series) if not math.isnan(v)]
    if not values:
        return ["no data"]
    low, high = SANE[query.unit]
    found = [f"{value} is no {query.unit}" for value in values if not low <= value <= high][:3]
    return found if query.is_table else [*found, *_legend_faults(query, answer)]


def _values(series: Mapping[str, Any]) -> list[float]:
    points = series.get("values") or [series["value"]]
    return [float(value) for _, value in points]


def _legend_faults(query: Query, answer: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = []
    for series in answer:
        labels = series["metric"]
        missing = [name for name in _PLACEHOLDER.findall(query.legend) if not labels.get(name)]
        if missing:
            yield f"the legend {query.legend} asks for {', '.join(missing)}, and there is {labels}"
        names.append(
            _PLACEHOLDER.sub(lambda found, all_=labels: all_.get(found[1], ""), query.legend)
        )
    for name in dict.fromkeys(names):
        if not name.strip() or "{" in name or "}" in name:
            yield f"a series is called {name!r}"
        if names.count(name) > 1 and query.kind != "marks":
            yield f"{names.count(name)} series are called {name!r}"
