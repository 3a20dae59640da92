"""Grafana beside a laptop testbed: real namespaces, real Prometheus, and a stand-in for Grafana.

Grafana itself is in no package that tests could bring: ``grafana_stand_in`` is told as it is, and
draws nothing. The tests follow a testbed's life.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import grafana_stand_in
import psutil
import pytest
import requests
from prometheus_server import needs_prometheus

from fogbed.cli import main
from fogbed.clients import browser
from fogbed.platforms import find_testbed, open_platform
from fogbed.platforms.local.folder import TestbedFolder

pytestmark = [pytest.mark.netns, pytest.mark.flink, pytest.mark.slow, needs_prometheus]

# nothing is said of Grafana: where its program is, it runs
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: drawn
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane}
services:
  prometheus: {enabled: true, scrape_interval: 1s}
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    file = folder / "drawn.yml"
    file.write_text(TESTBED, encoding="utf-8")
    program = grafana_stand_in.install(folder / "grafana home")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
            # a user's own Grafana may be told so, and ours is not meant
            patch.setenv("GF_AUTH_ANONYMOUS_ENABLED", "true")
            assert main(["up", "-t", str(file)]) == 0
        yield open_platform(find_testbed(file))
    finally:
        assert main(["down", "-t", "drawn", "--everything"]) == 0
    assert not TestbedFolder("drawn").root.exists()
    assert not [p for p in psutil.process_iter() if str(program) in _argv(p)]


def _argv(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture
def password(drawn):
    with drawn.open_service("grafana") as opened:
        return opened.credentials.secret


def get(url, password=None):
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("admin", password) if password else None
        return session.get(url, timeout=20)


def until(claim, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not (found := claim()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_it_shows_every_dashboard_to_who_has_the_password(drawn, password):
    url = drawn.endpoints().grafana
    assert get(f"{url}/api/search").status_code == 401
    assert get(f"{url}/api/search", "admin").status_code == 401
    found = {each["uid"] for each in get(f"{url}/api/search", password).json()}
    assert found == {
        f"fogbed-{name}" for name in ("experiment", "flink", "nodes", "network", "fleet")
    }


def test_it_asks_the_testbed_s_prometheus_inside_its_namespace(drawn, password):
    url = f"{drawn.endpoints().grafana}/api/datasources/proxy/uid/prometheus"
    asked = f"{url}/api/v1/query?query=fogbed_process_up"
    found = until(lambda: get(asked, password).json()["data"]["result"])
    assert "grafana" in {each["metric"]["process"] for each in found}


def test_the_password_is_in_its_file_and_nowhere_else(drawn, password):
    with drawn.open_service("grafana") as opened:
        file = Path(opened.credentials.place)
    assert file.read_text(encoding="ascii") == password
    assert file.stat().st_mode & 0o777 == 0o600
    # its own database has it too: real Grafana's has a hash of it
    spared = {file, file.parents[1] / "grafana" / "grafana.db"}
    there = [path for path in drawn.folder().rglob("*") if path.is_file() and path not in spared]
    assert len(there) > 10
    assert [path for path in there if password.encode() in path.read_bytes()] == []
    for process in drawn.processes():
        seen = Path("/proc", str(process.pid))
        assert password.encode() not in (seen / "cmdline").read_bytes()
        assert password.encode() not in (seen / "environ").read_bytes()


def test_status_open_and_dashboard_say_where_it_is(drawn, password, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(browser, "show", lambda url: shown.append(url) or True)
    url = drawn.endpoints().grafana
    assert main(["status", "-t", "drawn"]) == 0
    assert f"Grafana: {url}\n" in capsys.readouterr().out
    assert main(["open", "grafana", "-t", "drawn", "--show-credentials"]) == 0
    assert capsys.readouterr().out == f"{url}\nuser: admin\nsecret: {password}\n"
    assert main(["dashboard", "flink", "-t", "drawn"]) == 0
    assert shown == [url, f"{url}/d/fogbed-flink?from=now-15m&to=now&var-testbed=drawn"]
    assert get(f"{url}/api/dashboards/uid/fogbed-flink", password).json()["dashboard"]["title"]
    capsys.readouterr()
    assert main(["status", "-t", "drawn", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["endpoints"]["grafana"] == url
    assert told["problems"] == []


def test_one_that_is_killed_comes_back_with_the_same_password(drawn, password):
    def process():
        return next((each for each in drawn.processes() if each.role == "grafana"), None)

    first = process().pid
    os.kill(first, signal.SIGKILL)
    until(lambda: process() is not None and process().pid != first)
    url = drawn.endpoints().grafana

    def answer():
        try:
            return get(f"{url}/api/search", password)
        except requests.RequestException:  # it has only begun
            return None

    assert until(answer).status_code == 200
    assert drawn.status().state == "up"
