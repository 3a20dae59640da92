"""Every query of every dashboard, asked at a real Prometheus that holds a day of figures."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import dashboard_queries
import made_figures
import prometheus_server
import psutil
import pytest
from dashboard_queries import QUERIES, Query, Window

pytestmark = pytest.mark.slow  # a day of figures takes a dozen seconds to write

DAY_S = 86400
EVERY_S = 15
END = int(time.time()) // EVERY_S * EVERY_S
VARIABLES = {"run": made_figures.RUN, "tier": ".*", "operator": ".*", "node": ".*"}
PLATFORMS = {"pico": "clusters,Raspberry Pis", "laptop": "laptop"}
RUN = Window(start=END - 1200, end=END - 1, every_s=EVERY_S)
DAY = Window(start=END - DAY_S, end=END - 1, every_s=EVERY_S)


def _is_asked_for(name: str) -> bool:
    return any(re.search(rf"\b{name}\b", each.expr) for each in QUERIES) or any(
        re.fullmatch(pattern, name)
        for each in QUERIES
        for pattern in re.findall('__name__=~"([^"]+)"', each.expr)
    )


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[prometheus_server.Server]:
    prometheus_server.require()
    folder = tmp_path_factory.mktemp("prometheus")
    asked_for = [each for each in made_figures.everything() if _is_asked_for(each.name)]
    made_figures.write_blocks(asked_for, END - DAY_S, END, folder / "data")
    with prometheus_server.serving(folder) as server:
        yield server


def _asked(server, query: Query, window: Window, testbed: str, **more: str):
    variables = {"testbed": testbed, **VARIABLES, **more}
    return dashboard_queries.ask(server.url, query, window, variables)


@pytest.mark.parametrize("testbed", PLATFORMS)
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_it_has_data_in_its_unit_and_named_series(prometheus, query, testbed):
    if not query.is_of(PLATFORMS[testbed]):
        assert not _asked(prometheus, query, RUN, testbed), "its row says that it has nothing here"
        return
    assert dashboard_queries.faults(query, _asked(prometheus, query, RUN, testbed)) == []


PICKED = {"tier": "edge", "operator": "nearest"}


@pytest.mark.parametrize("name", PICKED)
def test_what_is_picked_is_shown_and_nothing_else(prometheus, name):
    asked = [q for q in QUERIES if f"${name}" in q.expr and f"{{{{{name}}}}}" in q.legend]
    assert asked
    for query in (q for q in asked if q.is_of(PLATFORMS["pico"])):
        found = _asked(prometheus, query, RUN, "pico", **{name: PICKED[name]})
        shown = {series["metric"][name] for series in found}
        # the JobManager is in the cloud, and what only it has is of no other tier
        assert shown <= {PICKED[name]}, query


@pytest.mark.parametrize("query", [q for q in QUERIES if q.kind != "variable"], ids=str)
def test_over_a_day_it_takes_less_than_a_second(prometheus, query):
    # processor time: what others do on this computer does not count
    process = psutil.Process(prometheus.process.pid)
    before = process.cpu_times()
    _asked(prometheus, query, DAY, "pico")
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 1.0
