"""A platform that nobody else knows runs the job to a verdict: the seams are all there is.

It is put into the same table as the others, and used through the same command.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from prometheus_server import serving

from benchmarks.loopback_cluster import SHORT_LIVED, LoopbackCluster, Worker
from fogbed.cli import main
from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.clients.series import Series
from fogbed.experiment.judge.figures import statistic
from fogbed.experiment.record.bundle import Bundle
from fogbed.platforms import table
from fogbed.spec.testbed import Node

TOY = Path(__file__).parents[1] / "cases" / "toys" / "plain_platform.py"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: plain
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane, taskmanager: false}
  - {name: fog-1, tier: fog, slots: 2}
  - {name: edge-1, tier: edge, slots: 2}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: plain
testbed: testbed.yml
profile: profile.yml
workload:
  rides: nyc-sample
  replay: {rate: 300/s, loop: true}
  sink: files
phases: {warmup: 1s, measure: 6s, cooldown: 1s}
scenario:
  - {at: 2s, do: exec, node: edge-1, argv: [uptime]}
  - {at: 3s, do: rescale, operator: nearest, parallelism: 2}
assert:
  - {output: complete}
  - {metric: rides_in_per_s, operator: results, over: all, stat: max, min: 1}
"""
PROFILE = "apiVersion: fogbed/v1\nkind: NetworkProfile\nname: nothing\nlinks: []\n"


@pytest.fixture
def toy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_platform", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def installed(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prometheus: str | None = None
) -> Iterator[None]:
    """Have plain processes in the place of the laptop's, and the experiment's files here."""
    with ExitStack() as ends:

        def start(nodes: Sequence[Node]) -> LoopbackCluster:
            workers = [Worker(name=node.name, slots=node.slots or 1) for node in nodes]
            cluster = LoopbackCluster(
                folder=tmp_path / "f", workers=workers, scheduler="adaptive", jvm=SHORT_LIVED
            )
            ends.enter_context(cluster)
            return cluster

        opener = toy.opener(start, prometheus)
        monkeypatch.setattr(table, "MACHINES", {"local": opener})
        monkeypatch.setattr(table, "STREAM_CLUSTERS", {"local": opener})
        for name, text in (("testbed", TESTBED), ("profile", PROFILE), ("plain", EXPERIMENT)):
            (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        yield


@pytest.mark.flink
@pytest.mark.slow
def test_plain_processes_run_an_experiment_to_its_verdict(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed(toy, tmp_path, monkeypatch):
        assert main(["experiment", "run", "plain.yml"]) == 0
    (bundle,) = (tmp_path / "runs").iterdir()
    verdict = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["status"] == "passed"
    assert [judged["ok"] for judged in verdict["assertions"]] == [True, True]
    journal = (bundle / "journal.jsonl").read_text(encoding="utf-8")
    assert "the plain processes" not in journal
    actions = [line for line in map(json.loads, journal.splitlines()) if line["event"] == "action"]
    assert [line["do"] for line in actions] == ["exec", "rescale"]


FIGURES = """\
  - {metric: latency_p50_ms, over: measure, stat: p50, min: 0}
  - {metric: busy_share, operator: nearest, over: measure, stat: mean, min: 0}
"""


@pytest.mark.flink
@pytest.mark.slow
def test_prometheus_has_the_figures_of_the_report(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(tmp_path / "p", scrapes_itself_for="plain") as server,
        PrometheusClient(server.url) as client,
        installed(toy, tmp_path, monkeypatch, server.url),
    ):
        with (tmp_path / "plain.yml").open("a", encoding="utf-8") as file:
            file.write(FIGURES)
        assert main(["experiment", "run", "plain.yml"]) == 0
        bundle = Bundle(next((tmp_path / "runs").iterdir()))
        said = Measured(client, bundle)
        verdict = bundle.verdict()
        reported = {figure["name"]: figure["value"] for figure in verdict["figures"]}
        latency, busy = (judged["value"] for judged in verdict["assertions"][-2:])

        results = said.rows("rides_in_per_s", operator="results")
        assert statistic(results.sum(), "p50") == pytest.approx(reported["throughput"])
        backlog = said.rows("backlog_rides", operator="rides")
        assert backlog.sum().max() == pytest.approx(reported["backlog, worst"])
        memory = said.rows("memory_bytes", over="all")
        assert memory.sum().max() / 2**20 == pytest.approx(reported["resident memory"])
        assert said.rows("busy_share", operator="nearest").mean().mean() == pytest.approx(busy)
        # and as a dashboard asks for it
        first, last = said.window("latency_p50_ms")
        span_ms = round((last - first) * 1000) + 1
        query = (
            f'quantile_over_time(0.5, fogbed_latency_p50_ms{{run="{bundle.name}"}}[{span_ms}ms])'
        )
        (median,) = client.query(query, at=last)
        assert median.samples[0][1] == pytest.approx(latency)

        actions = client.raw(f'fogbed_action{{run="{bundle.name}"}}', said.whole)
        assert {each.label("do") for each in actions} == {"exec", "rescale"}
        (told,) = client.raw(f'fogbed_verdict{{run="{bundle.name}"}}', said.whole)
        assert told.label("verdict") == verdict["status"] == "passed"
    assert [n for n in bundle.events("note") if "Prometheus" in n["text"]] == []
    kept = pd.read_parquet(bundle.metrics_folder / "prometheus.parquet")
    assert {"up", "go_goroutines"} <= set(kept["name"])
    assert bundle.alerts() == []


class Measured:
    """What Prometheus says of the instants that a bundle's figures are of."""

    def __init__(self, client: PrometheusClient, bundle: Bundle) -> None:
        self._client = client
        self._bundle = bundle
        journal = bundle.journal()
        self._origin = bundle.events("first-ride")[0]["origin"]
        self.whole = Window(journal[0]["time"], journal[-1]["time"] + 5)

    def instants(self, metric: str, over: str = "measure") -> list[float]:
        """Return the times of a metric's samples in a phase, to the millisecond."""
        span = next(p for p in self._bundle.verdict()["phases"] if p["name"] == "measure")
        times = self._bundle.samples([metric])["time"].unique()
        inside = [t for t in times if span["from_s"] < t - self._origin <= span["to_s"]]
        return [round(float(t), 3) for t in (times if over == "all" else inside)]

    def window(self, metric: str) -> tuple[float, float]:
        """Return the first and the last instant of measure."""
        times = self.instants(metric)
        return min(times), max(times)

    def rows(
        self, metric: str, *, operator: str | None = None, over: str = "measure"
    ) -> pd.core.groupby.SeriesGroupBy[float, float]:
        """Return Prometheus's samples of those instants, by instant."""
        of = "" if operator is None else f',operator="{operator}"'
        found: list[Series] = self._client.raw(
            f'fogbed_{metric}{{run="{self._bundle.name}"{of}}}', self.whole
        )
        rows = [sample for each in found for sample in each.samples]
        frame = pd.DataFrame(rows, columns=["time", "value"]).round({"time": 3})
        kept = frame[frame["time"].isin(self.instants(metric, over))]
        assert len(kept)
        return kept.groupby("time")["value"]
