"""Every query of every dashboard at the testbed's own Prometheus, which scraped a real run.

A laptop testbed stays up while an experiment runs on it; afterwards the run is asked for as
``fogbed dashboard BOARD RUN`` opens it. Rows that name another platform are made figures' alone
(``tests/processes/test_dashboards.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dashboard_queries
import prometheus_server
import pytest
from dashboard_queries import (
    AS_SAMPLED,
    QUERIES,
    Query,
    Window,
    experiment_query,
    require_drawn,
)

from fogbed import platforms
from fogbed.cli import main
from fogbed.experiment.record.bundle import Bundle, list_runs

pytestmark = [pytest.mark.flink, pytest.mark.netns, pytest.mark.slow]

# as by default: a rate over four scrapes of 1 s is empty when a busy machine misses some
EVERY_S = 5
# the margin of `fogbed dashboard`
BESIDES_S = 5
TESTBED = f"""\
apiVersion: fogbed/v1
kind: Testbed
name: shown
platform: local
nodes:
  - {{name: cloud-1, role: control-plane, tier: cloud}}
  - {{name: fog-1, tier: fog, slots: 2}}
  - {{name: edge-1, tier: edge}}
services:
  prometheus: {{enabled: true, scrape_interval: {EVERY_S}s}}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: shown
testbed: testbed.yml
profile: metro
workload:
  rides: nyc-sample
  replay: {rate: 500/s, loop: true}
  placement: {rides: {tier: edge}, nearest: {tier: fog}, results: {tier: cloud}}
phases: {warmup: 5s, measure: 35s, cooldown: 5s}
scenario:
  - {at: 15s, do: network, links: [{between: [edge, fog], delay: 20ms}]}
  - {at: 30s, do: exec, node: edge-1, argv: [uname, -s]}
assert:
  - {metric: rides_in_per_s, over: measure, stat: mean, min: 1}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, and how its testbed's Prometheus is asked for it."""

    bundle: Bundle
    url: str
    window: Window

    def ask(self, query: Query) -> Any:
        picked = dict.fromkeys(("tier", "operator", "node"), ".*")
        variables = {"testbed": "shown", "run": self.bundle.name, **picked}
        return dashboard_queries.ask(self.url, query, self.window, variables)


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Iterator[Shown]:
    prometheus_server.require()
    folder = tmp_path_factory.mktemp("shown")
    (folder / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    (folder / "shown.yml").write_text(EXPERIMENT, encoding="utf-8")
    testbed = str(folder / "testbed.yml")
    assert main(["up", "-t", testbed]) == 0
    try:
        argv = ["experiment", "run", str(folder / "shown.yml"), "--runs", str(folder / "runs")]
        assert main(argv) == 0
        (bundle,) = list_runs(folder / "runs")
        times = [line["time"] for line in bundle.journal()]
        window = Window(start=times[0] - BESIDES_S, end=times[-1] + BESIDES_S, every_s=EVERY_S)
        url = platforms.open_platform(platforms.find_testbed(testbed)).endpoints().prometheus
        yield Shown(bundle, url, window)
    finally:
        assert main(["down", "-t", testbed]) == 0


@pytest.mark.parametrize("query", [q for q in QUERIES if q.is_of("laptop")], ids=str)
def test_a_run_on_the_laptop_is_shown_whole(shown, query: Query):
    assert dashboard_queries.faults(query, shown.ask(query)) == []


@pytest.mark.parametrize(("title", "number", "metric", "operator"), AS_SAMPLED)
def test_what_is_shown_is_what_the_report_draws(shown, title, number, metric, operator):
    answer = shown.ask(experiment_query(title, number))
    require_drawn(shown.bundle, answer, metric, operator)
