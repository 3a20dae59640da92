"""Every query of every dashboard at the testbed's own Prometheus, which scraped a real run.

A laptop testbed stays up while an experiment runs on it; afterwards the run is asked for as
``fogbed dashboard BOARD RUN`` opens it. Rows that name another platform are made figures' alone
(``tests/processes/test_dashboards.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

import dashboard_queries
import prometheus_server
import pytest
from dashboard_queries import QUERIES, Query, Window

from fogbed import platforms
from fogbed.cli import main
from fogbed.experiment.record.bundle import list_runs

pytestmark = [pytest.mark.flink, pytest.mark.netns, pytest.mark.slow]

EVERY_S = 1
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


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Iterator[tuple[str, Window, dict[str, str]]]:
    """Give Prometheus' URL, the run's window and the dashboards' variables."""
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
        picked = dict.fromkeys(("tier", "operator", "node"), ".*")
        yield url, window, {"testbed": "shown", "run": bundle.name, **picked}
    finally:
        assert main(["down", "-t", testbed]) == 0


@pytest.mark.parametrize("query", [q for q in QUERIES if q.is_of("laptop")], ids=str)
def test_a_run_on_the_laptop_is_shown_whole(asked, query: Query):
    url, window, variables = asked
    answer = dashboard_queries.ask(url, query, window, variables)
    assert dashboard_queries.faults(query, answer) == []
