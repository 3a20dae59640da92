"""``import fogbed``: runs and their figures as tables, without a Prometheus."""

from __future__ import annotations

import importlib.util
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import fogbed
from fogbed import paths
from fogbed.errors import UsageError

MAKE_BUNDLE = Path(__file__).parents[1] / "cases" / "bundle" / "make_bundle.py"


@pytest.fixture
def bundle(fresh_home, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_bundle", MAKE_BUNDLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.make_bundle(fresh_home / "runs")
    shutil.copy(paths.asset("inventory") / "laptop.yml", made.folder / "testbed.yml")
    monkeypatch.chdir(fresh_home)
    return made


def test_a_run_is_opened_as_commands_name_it(bundle):
    for run in ("last", bundle.name, bundle.name[:12], bundle.folder):
        assert fogbed.open_run(run).name == bundle.name
    assert fogbed.open_run(runs="runs") == fogbed.list_runs()[0]
    assert [run.folder.name for run in fogbed.list_runs(bundle.folder.parent)] == [bundle.name]
    with pytest.raises(UsageError, match="there is no run called"):
        fogbed.open_run("nope")
    with pytest.raises(UsageError, match="its name is empty"):
        fogbed.open_run("")


def test_its_verdict_and_figures_are_those_of_the_bundle(bundle):
    run = fogbed.open_run()
    assert run.verdict == bundle.verdict()
    assert list(run.figures.columns) == ["name", "value", "unit", "detail"]
    assert list(run.figures["value"]) == [each["value"] for each in bundle.verdict()["figures"]]


def test_samples_are_told_in_time_and_from_the_first_ride(bundle):
    run, origin = fogbed.open_run(), bundle.events("first-ride")[0]["origin"]
    frame = run.samples("rides_in_per_s", "rtt_ms")
    assert set(frame["name"]) == {"rides_in_per_s", "rtt_ms"}
    assert list(frame.columns)[:3] == ["time", "at", "name"]
    kept = bundle.samples(["rides_in_per_s", "rtt_ms"])
    assert list(frame["value"]) == list(kept["value"])
    first = frame.iloc[0]
    assert first["time"] == pd.Timestamp(origin + first["at"], unit="s", tz=UTC).round("ms")
    assert len(run.samples()) == len(bundle.samples())


def test_a_run_without_a_first_ride_has_samples_all_the_same(bundle):
    lines = bundle.journal_file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event"] != "first-ride"]
    bundle.journal_file.write_text("".join(kept), encoding="utf-8")
    assert fogbed.open_run().samples()["at"].isna().all()


def test_a_query_is_answered_by_the_bundle_in_numbers_or_words(bundle):
    run, origin = fogbed.open_run(), bundle.events("first-ride")[0]["origin"]
    frame = run.query('fogbed_rtt_ms{source="fog-1"}', from_=10, to="30s")
    assert set(frame["source"]) == {"fog-1"}
    assert {"time", "name", "target", "run", "value"} <= set(frame.columns)
    begin, end = (datetime.fromtimestamp(origin + each, UTC) for each in (10, 30))
    assert frame["time"].between(begin, end).all()
    assert len(frame) > 20
    whole = run.query('fogbed_rtt_ms{source="fog-1"}')
    assert len(whole) > len(frame)
    instant = run.query('fogbed_rtt_ms{source="fog-1"}', at=20.5)
    assert len(instant) == instant["target"].nunique()


def test_what_cannot_be_answered_is_told_as_in_the_terminal(bundle):
    assert bundle.folder.exists()
    with pytest.raises(UsageError, match="only Prometheus can compute"):
        fogbed.open_run().query("rate(x[1m])")
    with pytest.raises(UsageError, match="--at is one instant"):
        fogbed.open_run().query("x", at=1, to=2)
    with pytest.raises(UsageError):
        fogbed.query("up")


def test_what_is_public_is_listed_and_nothing_else_is_there():
    assert {"Run", "list_runs", "open_run", "query", "__version__"} <= set(dir(fogbed))
    with pytest.raises(AttributeError, match="has no attribute 'opened'"):
        _ = fogbed.opened
