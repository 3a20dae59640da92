"""``fogbed up | down | status | logs`` as users meet them, without bringing anything up."""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import psutil
import pytest

from fogbed.cli import main
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.logs import follow_files, log_files
from fogbed.platforms.state import only_one

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: shown
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane, taskmanager: false}
  - {name: edge-1, tier: edge, slots: 2, cores: 1, memory: 600m}
"""


@pytest.fixture(autouse=True)
def here(fresh_home, tmp_path, monkeypatch):
    assert fresh_home == tmp_path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    return tmp_path


def test_up_dry_run_shows_what_would_be_made_and_makes_nothing(capsys):
    assert main(["up", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("testbed shown would come up as\n")
    rows = [line.split("│")[1:-1] for line in out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["cloud-1", "10.77.1.1", "0", "none", "jobmanager 256m"],
        ["edge-1", "10.77.1.2", "2", "1 core, 600m", "taskmanager 215m"],
    ]
    assert not TestbedFolder("shown").root.exists()


def test_up_dry_run_says_which_network_buffers_are_written(here, capsys):
    written = f"{TESTBED.rstrip()}\nservices: {{flink: {{long_links: 256k}}}}\n"
    assert "services:" not in TESTBED
    (here / "testbed.yml").write_text(written, encoding="utf-8")
    assert main(["up", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith(
        "segments of 256k, as written; network memory 36m a TaskManager\n"
    )


def test_a_port_in_use_names_who_uses_it(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["up", "--port", str(port)]) == 1
    name = psutil.Process().name()
    said = capsys.readouterr().err
    assert f"error: port {port} on 127.0.0.1 is in use by {name}" in said
    assert f"(process {os.getpid()})" in said
    assert said.endswith(
        "hint: give another one with --port, or none: fogbed then takes the first free one\n"
    )
    assert not TestbedFolder("shown").root.exists()


def test_a_testbed_too_big_for_its_nodes_is_refused_with_every_reason(here, capsys):
    small = TESTBED.replace("600m", "100m").replace("taskmanager: false", "memory: 300m")
    (here / "testbed.yml").write_text(small, encoding="utf-8")
    assert main(["up"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed shown cannot run on this computer as written\n"
        "nodes[cloud-1]: 0m is left for the TaskManager; it needs at least 512m\n"
        "nodes[edge-1]: 100m is left for the TaskManager; it needs at least 512m\n"
    )


def test_without_a_testbed_the_shipped_ones_are_named(here, capsys):
    (here / "testbed.yml").unlink()
    assert main(["status"]) == 2
    assert capsys.readouterr().err == (
        "error: which testbed? There is no ./testbed.yml, and no testbed is up\n"
        "hint: name one with -t FILE or -t NAME; shipped ones: kind, laptop, pico\n"
    )


def test_status_of_a_testbed_that_is_down_is_no_error(capsys):
    assert main(["status"]) == 0
    assert capsys.readouterr().out.startswith("testbed shown (local): down\n")
    assert main(["status", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["services"]) == ("down", [])
    assert "processes" not in shown, "programs read this: its words stay"
    assert [node["name"] for node in shown["nodes"]] == ["cloud-1", "edge-1"]


def test_down_of_what_is_down_is_done_already(capsys):
    assert main(["down"]) == 0
    assert capsys.readouterr().err == "testbed shown is down\n"


def test_down_names_what_it_keeps(capsys):
    folder = TestbedFolder("shown")
    folder.make()
    (folder.root / "savepoints" / "one").write_text("state", encoding="utf-8")
    kept = folder.root / "savepoints"
    assert main(["down", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"would remove {folder.root}\nwould keep {kept}\n"
    assert main(["down"]) == 0
    assert capsys.readouterr().err == (
        "testbed shown is down\n"
        f"kept, since you or a job asked for it: {kept}; remove it when it has served\n"
    )
    assert main(["down", "--everything"]) == 0
    assert not folder.root.exists()


def test_two_commands_do_not_change_a_testbed_at_once(capsys):
    with only_one("shown"):
        assert main(["down"]) == 1
    assert capsys.readouterr().err == (
        "error: another fogbed command is changing testbed shown\n"
        "hint: wait until it has ended, then give yours again\n"
    )


def test_a_reader_of_logs_that_has_seen_enough_ends_them(monkeypatch):
    logs = TestbedFolder("shown").root / "logs"
    logs.mkdir(parents=True)
    (logs / "keeper.log").write_text("one\n", encoding="utf-8")
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["logs", "keeper", "--follow"]) == 0


def test_logs_shows_the_last_lines_of_each_file(capsys):
    logs = TestbedFolder("shown").root / "logs"
    logs.mkdir(parents=True)
    (logs / "edge-1-taskmanager.log").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (logs / "edge-1-taskmanager.out").write_text("", encoding="utf-8")
    assert main(["logs", "edge-1", "--lines", "2"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "two\nthree\n"
    assert shown.err == f"==> {logs}/edge-1-taskmanager.log\n"
    assert main(["logs", "edge-7"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed shown has no logs of edge-7\nhint: it has edge-1\n"
    )


def test_logs_of_what_says_nothing_says_so(capsys):
    logs = TestbedFolder("shown").root / "logs"
    logs.mkdir(parents=True)
    (logs / "prometheus.log").touch()
    assert main(["logs", "prometheus"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "prometheus has said nothing: what is well may be silent\n"


def test_logs_that_are_followed_from_nothing_show_what_comes(monkeypatch):
    logs = TestbedFolder("shown").root / "logs"
    logs.mkdir(parents=True)
    (logs / "prometheus.log").touch()

    def written_meanwhile(_pause_s):
        (logs / "prometheus.log").write_text("first\n", encoding="utf-8")

    monkeypatch.setattr(time, "sleep", written_meanwhile)
    found = follow_files(log_files("shown", "prometheus"))
    assert next(found) == (logs / "prometheus.log", "first")


def test_logs_of_a_testbed_that_is_not_up(capsys):
    assert main(["logs", "edge-1"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed shown is not up: it has no logs\nhint: fogbed up -t NAME\n"
    )
