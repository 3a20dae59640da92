"""The dashboards' JSON: it is what the code gives, Grafana's types read it, and it can be read."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from dashboard_queries import BOARDS, FOLDER, QUERIES, SANE, faults
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from fogbed.experiment.sampling.metric_names import METRICS

CHECKOUT = Path(__file__).parents[2]
# What Grafana reads of an annotation and its types of 11.6 do not have.
UNTYPED = {"titleFormat", "textFormat", "tagKeys", "step"}
UNITS = {
    "fraction": "percentunit",
    "rides/s": "suffix: rides/s",
    "rides": "suffix: rides",
    "cores": "suffix: cores",
    "packets": "suffix: packets",
    "packets/s": "pps",
    "subtasks": "suffix: subtasks",
    "bit/s": "bps",
    "ms": "ms",
    "s": "s",
    "bytes": "bytes",
    "checkpoints": "none",
    "restarts": "none",
}


@pytest.fixture
def boards(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT / "scripts")
    yield __import__("boards")
    for name in [each for each in sys.modules if each.partition(".")[0] == "boards"]:
        del sys.modules[name]


def _panels(board):
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def test_the_files_are_what_the_code_gives(boards):
    given = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert given == {name: boards.rendered(name) for name in boards.BOARDS}, (
        "python scripts/dashboards.py writes them anew"
    )


@pytest.mark.parametrize("name", BOARDS)
def test_grafana_s_types_read_all_of_it(name):
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(BOARDS[name]), cls=JSONEncoder))
    wanted = json.loads(json.dumps(BOARDS[name]))
    for mark in wanted["annotations"]["list"]:
        assert mark.keys() >= UNTYPED
        for key in UNTYPED:
            del mark[key]
    assert read == wanted


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_numbers_and_places_of_their_own(name):
    panels = list(_panels(BOARDS[name]))
    numbers = [panel["id"] for panel in panels]
    assert sorted(numbers) == list(range(1, len(panels) + 1))
    cells = Counter(
        (x, y)
        for panel in BOARDS[name]["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert max(cells.values()) == 1
    assert all(x < 24 for x, _ in cells)


@pytest.mark.parametrize("name", BOARDS)
def test_queries_of_a_panel_have_letters_of_their_own(name):
    for panel in _panels(BOARDS[name]):
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert letters == list("ABCDEF"[: len(letters)])


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows(name):
    for panel in _panels(BOARDS[name]):
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"] in SANE, panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}


@pytest.mark.parametrize("name", BOARDS)
def test_nobody_edits_it_in_place_and_all_lead_to_each_other(name):
    board = BOARDS[name]
    assert (board["uid"], board["editable"], board["tags"]) == (f"fogbed-{name}", False, ["fogbed"])
    (link,) = board["links"]
    assert (link["tags"], link["keepTime"], link["includeVars"]) == (["fogbed"], True, True)
    assert board["templating"]["list"][0]["name"] == "testbed"


@pytest.mark.parametrize("name", BOARDS)
def test_the_top_row_answers_at_a_glance(name):
    top = [p for p in BOARDS[name]["panels"] if p["gridPos"]["y"] == 0]
    assert {panel["type"] for panel in top} == {"stat"}
    assert all(panel["fieldConfig"]["defaults"]["thresholds"]["steps"] for panel in top)


def _sampled(query):
    return [m for n, m in METRICS.items() if f"fogbed_{n}{{" in query.expr]


@pytest.mark.parametrize(
    "query", [q for q in QUERIES if q.kind == "timeseries" and _sampled(q)], ids=str
)
def test_what_a_run_samples_is_shown_in_its_unit(query):
    assert {UNITS[metric.unit] for metric in _sampled(query)} == {query.unit}


def test_every_figure_of_a_run_is_shown_somewhere():
    shown = {name for name in METRICS for q in QUERIES if f"fogbed_{name}{{" in q.expr}
    of_flink = {"checkpoints_completed", "checkpoints_failed", "checkpoint_duration_ms"}
    of_flink |= {"checkpoint_bytes"}  # as Flink itself reports them, on its own dashboard
    assert METRICS.keys() - shown - of_flink == {"latency_rides"}


def test_what_is_recorded_has_a_rule():
    rules = CHECKOUT / "manifests" / "prometheus" / "rules" / "recording.yml"
    made = set(re.findall(r"- record: (\S+)", rules.read_text(encoding="utf-8")))
    asked = {name for q in QUERIES for name in re.findall(r"\b[a-z_]+:[a-z_:]+", q.expr)}
    assert asked
    assert asked <= made


ONE = replace(QUERIES[0], kind="timeseries", legend="{{node}}", unit="percentunit", row="")


@pytest.mark.parametrize(
    ("series", "found"),
    [
        ([], ["no data"]),
        ([{"metric": {"node": "a"}, "values": [[0, "NaN"]]}], ["no data"]),
        ([{"metric": {"node": "a"}, "values": [[0, "0.5"]]}], []),
        ([{"metric": {"node": "a"}, "values": [[0, "512"]]}], ["512.0 is no percentunit"]),
        (
            [{"metric": {"tier": "edge"}, "value": [0, "0"]}],
            [
                "the legend {{node}} asks for node, and there is {'tier': 'edge'}",
                "a series is called ''",
            ],
        ),
        ([{"metric": {"node": "{x"}, "value": [0, "0"]}], ["a series is called '{x'"]),
        (
            [{"metric": {"node": "a", "cpu": c}, "value": [0, "0"]} for c in "01"],
            ["2 series are called 'a'"],
        ),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(series, found):
    assert faults(ONE, series) == found
