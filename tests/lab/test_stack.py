"""Flink, MinIO and the demo on machines of the lab: from bare hosts to a passed experiment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from fogbed.cli import main

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(2400)]

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "experiments" / "demo.yml"
OF_SPEED = ("rides_in_per_s", "latency_p50_ms")
BARE = CHECKOUT / "experiments" / "profiles" / "none.yml"


@pytest.fixture(scope="module")
def bed(lab, note_time):
    """A testbed of three machines that is up, from bare; with the tiers of the demo."""
    machines = lab.fresh(61, 62, 63)
    file = lab.testbed("stack", machines)
    text = file.read_text(encoding="utf-8")
    fog, edge = (f"address: {each.address}, role: worker, tier: edge" for each in machines[1:])
    text = text.replace(fog, f"{fog.removesuffix('edge')}fog, slots: 3")
    file.write_text(text.replace(edge, f"{edge}, slots: 2"), encoding="utf-8")
    began = time.monotonic()
    assert main(["up", "-t", str(file)]) == 0
    note_time("bare to Flink and MinIO on three machines", time.monotonic() - began)
    yield file
    assert main(["down", "-t", str(file), "--yes"]) == 0


def newest(folder: Path) -> Path:
    return max(folder.glob("*"), key=lambda each: each.stat().st_mtime)


def test_the_demo_runs_unchanged_and_nothing_is_lost(bed, tmp_path, monkeypatch, note_time):
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    words = ["experiment", "run", str(DEMO), "-t", str(bed), "--profile", str(BARE)]
    # how fast it was is for whoever reads the report: a busy machine is slow, and loses nothing
    assert main(words) in (0, 3)
    note_time("the demo on three machines", time.monotonic() - began)
    bundle = newest(tmp_path / "runs")
    verdict = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))
    note_time(
        f"... {verdict['status']}: {verdict['figures']}", verdict["ended"] - verdict["started"]
    )
    wrong = [each["title"] for each in verdict["assertions"] if each["ok"] is False]
    assert not [title for title in wrong if not title.startswith(OF_SPEED)], wrong
    complete = json.loads((bundle / "output" / "completeness.json").read_text(encoding="utf-8"))
    assert complete["lost"] == complete["doubled"] == 0, complete
    environment = json.loads((bundle / "environment.json").read_text(encoding="utf-8"))
    assert {"jobmanager", "taskmanager", "minio"} <= set(environment["images"])
    assert all("@sha256:" in image for image in environment["images"].values())


def test_a_second_up_changes_nothing(bed, note_time, capsys):
    began = time.monotonic()
    assert main(["up", "-t", str(bed)]) == 0
    note_time("a second up of all of it", time.monotonic() - began)
    capsys.readouterr()
    assert main(["status", "-t", str(bed), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["drift"]) == ("up", [])


def test_what_minio_holds_is_there_after_down_and_up(bed, capsys):
    assert main(["down", "-t", str(bed), "--yes"]) == 0
    assert "kept: what MinIO holds" in capsys.readouterr().err
    assert main(["up", "-t", str(bed)]) == 0
    capsys.readouterr()
    assert main(["rides", "push", "nyc-sample", "-t", str(bed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["bytes"] == 0
