"""``fogbed metrics`` where there is no Prometheus: what a run has kept answers."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from fogbed import paths
from fogbed.cli import main
from fogbed.clients.series import NAME, Series, labels_of
from fogbed.experiment.record.scraped import ScrapedFile

MAKE_BUNDLE = Path(__file__).parents[1] / "cases" / "bundle" / "make_bundle.py"


@pytest.fixture
def run(fresh_home, monkeypatch):
    """A run on a testbed that is down; it has kept two series of its Prometheus."""
    spec = importlib.util.spec_from_file_location("make_bundle", MAKE_BUNDLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bundle = module.make_bundle(fresh_home / "runs")
    shutil.copy(paths.asset("inventory") / "laptop.yml", bundle.folder / "testbed.yml")
    origin = bundle.events("first-ride")[0]["origin"]
    file = ScrapedFile(bundle.metrics_folder)
    for node, figure in (("fog-1", 1.0), ("edge-1", 2.0)):
        labels = labels_of({NAME: "node_load1", "job": "node", "node": node})
        file.write([Series(labels, tuple((origin + 5 * i, figure + i) for i in range(4)))])
    file.close()
    monkeypatch.chdir(fresh_home)
    return bundle


@pytest.fixture
def asked(run, capsys):
    def ask(*words):
        code = main(["metrics", *words])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said

    assert run.folder.exists()
    return ask


def test_a_plain_selector_is_answered_by_the_bundle(asked, run):
    said = asked("query", 'node_load1{node=~"fog-.*"}', "last", "--json")
    (series,) = json.loads(said.out)
    assert series["labels"] == {NAME: "node_load1", "job": "node", "node": "fog-1"}
    origin = run.events("first-ride")[0]["origin"]
    assert series["samples"] == [[origin + 5 * i, 1.0 + i] for i in range(4)]


def test_an_instant_has_the_latest_value_before_it(asked):
    said = asked("query", "node_load1", "last", "--at", "11s")
    rows = [line.split("│")[1:-1] for line in said.out.splitlines() if "node_load1" in line]
    assert [[cell.strip() for cell in row][-3:] for row in rows] == [
        ["edge-1", "10 s", "4"],
        ["fog-1", "10 s", "3"],
    ]
    assert "from the bundle of run" in said.err


def test_a_window_is_shown_by_how_its_values_lie(asked):
    said = asked("query", 'node_load1{node="fog-1"}', "last", "--from", "5s", "--to", "15s")
    (row,) = (line for line in said.out.splitlines() if "node_load1" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells[-7:] == ["5 s", "15 s", "3", "2", "3", "4", "4"]


def test_a_runs_own_samples_are_there_as_in_prometheus(asked, run):
    said = asked("query", 'fogbed_rides_in_per_s{operator="results"}', "last", "--json")
    found = json.loads(said.out)
    frame = run.samples(["rides_in_per_s"])
    frame = frame[frame["operator"] == "results"]
    assert sum(len(each["samples"]) for each in found) == len(frame)
    assert {each["labels"]["run"] for each in found} == {run.name}
    assert {each["labels"]["node"] for each in found} == set(frame["node"])


def test_what_only_prometheus_computes_is_told_with_the_way_out(run, capsys):
    assert main(["metrics", "query", "rate(x[1m])", run.name]) == 2
    said = capsys.readouterr().err
    assert "only Prometheus can compute 'rate(x[1m])', and it cannot be asked: testbed" in said
    assert "is not up" in said
    assert "fogbed metrics export" in said


def test_values_are_written_for_other_programs(asked):
    asked("query", "node_load1", "last", "--csv", "load.csv", "--parquet", "load.parquet")
    text = pd.read_csv("load.csv", parse_dates=["time"])
    table = pd.read_parquet("load.parquet")
    assert list(text.columns) == list(table.columns) == ["time", "name", "job", "node", "value"]
    assert list(text["value"]) == list(table["value"]) == [1, 2, 3, 4, 2, 3, 4, 5]
    assert list(text["time"]) == list(table["time"])


def test_two_tables_in_one_file_are_refused_before_anything_is_asked(run, capsys):
    words = ["--csv", "load", "--parquet", f"{run.folder.parent.parent}/load"]
    assert main(["metrics", "query", "rate(x[1m])", run.name, *words]) == 2
    assert "--csv and --parquet name one file, load" in capsys.readouterr().err
    assert not Path("load").exists()


def test_a_step_that_would_never_end_is_refused(run, capsys):
    assert main(["metrics", "query", "x", run.name, "--from", "0s", "--step", "1us"]) == 2
    capsys.readouterr()
    assert main(["metrics", "query", "x", "--from", "2h", "--step", "1ms"]) == 2
    assert "would be 7,200,001 of each series" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_run_is_exported_whole(asked, run, ending):
    said = asked("export", "last", "--output", f"all.{ending}")
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    frame = read(f"all.{ending}")
    assert list(frame.columns) == ["time", "name", "labels", "value"]
    assert (frame["name"] == "node_load1").sum() == 8
    own = run.samples()
    own = own[own["value"].notna() & (own["name"] != "latency_rides")]
    assert len(frame) == 8 + len(own)
    assert said.out.startswith(f"{len(frame):,} values of ")


def test_an_ending_that_says_no_format_is_refused_first(run, capsys):
    assert main(["metrics", "export", run.name, "--output", "all.xlsx"]) == 2
    assert "end it in .csv or .parquet" in capsys.readouterr().err


def test_names_are_listed_with_unit_and_meaning(asked):
    rows = json.loads(asked("list", "last", "--json").out)
    named = {row["name"]: row for row in rows}
    assert named["fogbed_rtt_ms"]["unit"] == "ms"
    assert named["fogbed_run_info"]["meaning"]
    assert "fogbed_latency_rides" not in named
    assert "node_load1" in named
    assert "beside them, from the bundle of run" in asked("list", "last").out


def test_without_a_testbed_fogbeds_own_names_are_listed(fresh_home, monkeypatch, capsys):
    monkeypatch.chdir(fresh_home)
    assert main(["metrics", "list"]) == 0
    said = capsys.readouterr()
    assert "fogbed_latency_p50_ms" in said.out
    assert "only fogbed's own: which testbed?" in said.err


def test_a_testbed_that_is_down_is_told(fresh_home, monkeypatch, capsys):
    monkeypatch.chdir(fresh_home)
    assert main(["metrics", "query", "up", "-t", "laptop"]) == 2
    assert "testbed laptop is not up" in capsys.readouterr().err


def test_a_run_and_a_testbed_are_one_too_many(run, capsys):
    assert main(["metrics", "query", "up", run.name, "-t", "laptop"]) == 2
    assert "a run has its own testbed" in capsys.readouterr().err
