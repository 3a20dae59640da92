"""Which Prometheus watches a laptop testbed, and what is said of one that does not."""

from __future__ import annotations

import pytest

from fogbed import paths
from fogbed.errors import UsageError
from fogbed.platforms.base import Endpoints, Opened
from fogbed.platforms.examination import check_prometheus
from fogbed.platforms.local import prometheus
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.opened import opened_here
from fogbed.platforms.local.prometheus import find_prometheus, problems_of, prometheus_for
from fogbed.spec.testbed import Testbed

URL = "http://127.0.0.1:9090"
NEW, OLD = "2.42.0+ds", "2.31.2+ds1"
DIED = (
    'ts=2026-11-30T01:00:00.000Z caller=main.go:1090 level=error err="opening storage failed: '
    'open /x/lock: no space"\nlevel=info msg="See you next time!"\n'
)
TOLD_BY_3 = 'time=2026-11-30T01:00:00.000Z level=ERROR msg="Error" err="corrupted block"\n'


def asking(*, enabled):
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "bench",
            "platform": "local",
            "nodes": [{"name": "cloud-1", "tier": "cloud"}],
            "services": {"prometheus": {"enabled": enabled}},
        }
    )


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    def put(version):
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin")
        if version is not None:
            program = tmp_path / "prometheus"
            told = f"prometheus, version {version} (branch: x, revision: y)"
            program.write_text(f'#!/bin/sh\necho "{told}"\n', encoding="ascii")
            program.chmod(0o755)

    return put


def test_the_one_on_path_is_taken_with_its_version(on_path, tmp_path):
    on_path(NEW)
    found = prometheus_for(asking(enabled=True))
    assert (found.program, found.version) == (tmp_path / "prometheus", NEW)
    assert set(found.rules) == {"alerts.yml", "recording.yml"}
    assert check_prometheus().found == f"{NEW} ({tmp_path / 'prometheus'})"
    assert check_prometheus().ok


def test_who_asks_for_none_needs_none(on_path):
    on_path(None)
    assert find_prometheus() is None
    assert prometheus_for(asking(enabled=False)) is None
    check = check_prometheus()
    assert check.ok
    assert not check.blocks
    assert "sudo apt install prometheus" in check.found


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "there is no program prometheus here"),
        (OLD, "is version 2.31.2.ds1, and fogbed needs 2"),
    ],
)
def test_who_asks_for_one_is_told_what_lacks_and_both_ways_out(on_path, version, said):
    on_path(version)
    with pytest.raises(UsageError, match=said) as caught:
        prometheus_for(asking(enabled=True))
    assert "services: {prometheus: {enabled: false}}" in caught.value.hint


def test_one_that_is_too_old_is_told_by_the_doctor(on_path):
    on_path(OLD)
    check = check_prometheus()
    assert not check.ok
    assert not check.blocks
    assert check.fix == "fogbed needs 2.39 or newer: put one first on PATH."


@pytest.fixture
def folder(fresh_home):
    assert fresh_home.exists()
    made = TestbedFolder("bench")
    made.make()
    return made


def said(**program):
    return {"programs": {"prometheus": {"state": "running", "restarts": 0} | program}}


@pytest.fixture
def answers(monkeypatch):
    def set_to(*, ready):
        monkeypatch.setattr(prometheus, "prometheus_is_ready", lambda _: ready)

    return set_to


def test_one_that_answers_is_no_problem_and_neither_is_none(folder, answers):
    answers(ready=True)
    assert problems_of(said(), URL, folder) == []
    assert problems_of(said(restarts=3), URL, folder) == []
    answers(ready=False)
    assert problems_of({"programs": {}}, None, folder) == []
    assert problems_of(said(), URL, folder) == ["Prometheus is not ready yet"]


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (DIED, " (opening storage failed: open /x/lock: no space)"),
        (TOLD_BY_3, " (corrupted block)"),
        ("", ""),
        (None, ""),
    ],
)
def test_one_that_dies_is_told_with_its_own_reason_and_the_way_out(folder, answers, log, reason):
    answers(ready=False)
    if log is not None:
        (folder.root / "logs" / "prometheus.log").write_text(log, encoding="utf-8")
    (problem,) = problems_of(said(state="starting", restarts=4), URL, folder)
    assert problem == (
        f"Prometheus does not run{reason}: it is started again, and Flink goes on; if its files "
        f"are broken, remove {folder.root}/prometheus; fogbed logs prometheus"
    )


def test_a_full_disk_is_told_though_it_answers(folder, answers, monkeypatch):
    answers(ready=True)
    monkeypatch.setattr(paths, "is_full", lambda _: True)
    (problem,) = problems_of(said(), URL, folder)
    assert problem.startswith(f"the disk of {folder.root} is full: Prometheus keeps nothing")


def launched(**more):
    return Launched(
        port=8081, number=1, scheduler="default", steering="s", fabric_socket="f", **more
    )


def test_where_it_is_reached_is_an_endpoint():
    assert launched().endpoints() == Endpoints(flink="http://127.0.0.1:8081")
    both = launched(more_ports={"prometheus": 9090}).endpoints()
    assert both == Endpoints(flink="http://127.0.0.1:8081", prometheus=URL)


def test_it_is_opened_where_it_runs():
    both = Endpoints(flink="http://127.0.0.1:8081", prometheus=URL)
    assert opened_here("bench", "prometheus", both, 0) == Opened(url=URL, is_held=False)
    with pytest.raises(UsageError, match=f"Prometheus of testbed bench is at {URL}"):
        opened_here("bench", "prometheus", both, 9999)
    with pytest.raises(UsageError, match="testbed bench runs no Prometheus") as caught:
        opened_here("bench", "prometheus", Endpoints(flink=both.flink), 0)
    assert "prometheus: {enabled: true}" in caught.value.hint
