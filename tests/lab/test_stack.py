"""Flink, MinIO and the demo on machines of the lab: from bare hosts to a passed experiment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from dashboard_queries import QUERIES, Window, ask, faults

from fogbed import platforms
from fogbed.cli import main
from fogbed.experiment.record.bundle import Bundle, list_runs

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(2400)]

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "experiments" / "demo.yml"
OF_SPEED = ("rides_in_per_s", "latency_p50_ms")
WATCHED = "services: {prometheus: {enabled: true}, grafana: {enabled: true}}\n"


@pytest.fixture(scope="module")
def bed(lab, note_time):
    """A testbed of three machines that is up, from bare; with the tiers of the demo."""
    machines = lab.fresh(61, 62, 63)
    file = lab.testbed("stack", machines)
    text = file.read_text(encoding="utf-8")
    fog, edge = (f"address: {each.address}, role: worker, tier: edge" for each in machines[1:])
    text = text.replace(fog, f"{fog.removesuffix('edge')}fog, slots: 3")
    text = text.replace(edge, f"{edge}, slots: 2") + WATCHED
    file.write_text(text, encoding="utf-8")
    began = time.monotonic()
    assert main(["up", "-t", str(file)]) == 0
    note_time(
        "bare to Flink, MinIO, Prometheus, Grafana on three machines", time.monotonic() - began
    )
    yield file
    assert main(["down", "-t", str(file), "--yes"]) == 0


@pytest.fixture(scope="module")
def ran(bed, tmp_path_factory, note_time) -> Bundle:
    """The demo, run on it."""
    runs = tmp_path_factory.mktemp("stack")
    began = time.monotonic()
    words = ["experiment", "run", str(DEMO), "-t", str(bed)]
    # how fast it was is for whoever reads the report: a busy machine is slow, and loses nothing
    assert main([*words, "--runs", str(runs)]) in (0, 3)
    note_time("the demo on three machines", time.monotonic() - began)
    (bundle,) = list_runs(runs)
    return bundle


def test_the_demo_runs_unchanged_and_nothing_is_lost(ran, note_time):
    verdict = ran.verdict()
    took_s = verdict["ended"] - verdict["started"]
    note_time(f"... {verdict['status']}: {verdict['figures']}", took_s)
    wrong = [each["title"] for each in verdict["assertions"] if each["ok"] is False]
    assert not [title for title in wrong if not title.startswith(OF_SPEED)], wrong
    complete = ran.completeness()
    assert complete["lost"] == complete["doubled"] == 0, complete
    images = ran.environment()["images"]
    assert {"jobmanager", "taskmanager", "minio", "prometheus", "grafana"} <= set(images)
    assert all("@sha256:" in image for image in images.values())


def test_the_network_was_shaped_by_the_nodes_and_is_as_it_was(bed, ran, capsys, note_said):
    (emulation,) = [each for each in ran.verdict()["assertions"] if "emulation" in each["title"]]
    note_said("emulation", json.dumps(emulation))
    assert emulation["ok"] is True, emulation
    capsys.readouterr()
    assert main(["network", "show", "-t", str(bed), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["links"] == []
    assert set(found["emulators"].values()) == {""}


def test_every_dashboard_shows_it(bed, ran):
    url = platforms.open_platform(platforms.find_testbed(str(bed))).endpoints().prometheus
    times = [line["time"] for line in ran.journal()]
    window = Window(start=times[0] - 5, end=times[-1] + 5, every_s=5)
    picked = {"testbed": "stack", "run": ran.name, "tier": ".*", "operator": ".*", "node": ".*"}
    asked = [q for q in QUERIES if q.is_of("clusters") and not q.is_of_emulation]
    found = {str(q): faults(q, ask(url, q, window, picked)) for q in asked}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


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
