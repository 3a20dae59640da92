"""The provisioning's files, as pods mount them, are read by the lab's stand-in for Grafana."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ruamel.yaml import YAML

from benchmarks.free_ports import free_port
from fogbed.plan.cluster import facts_from
from fogbed.plan.manifests import plan_manifests
from fogbed.plan.services.grafana_settings import BOARDS
from fogbed.spec.testbed import Testbed

TESTS = Path(__file__).parents[1]
STAND_IN = TESTS.parents[1] / "shared" / "lab" / "images" / "grafana" / "grafana-stand-in"
# it would listen on every interface
ON_LOOPBACK = """
import http.server, runpy, sys
class Here(http.server.ThreadingHTTPServer):
    def __init__(self, address, answer):
        super().__init__(("127.0.0.1", address[1]), answer)
http.server.ThreadingHTTPServer = Here
runpy.run_path(sys.argv[1], run_name="__main__")
"""
PASSWORD = "made-up"  # noqa: S105 - of this test


def _mounted(folder: Path) -> dict[str, str]:
    """Write what the pod of Grafana mounts below a folder; return its settings, at home there."""
    case = TESTS / "cases" / "manifests" / "shown.yml"
    testbed = Testbed.model_validate(YAML(typ="safe").load(case.read_text(encoding="utf-8")))
    bodies = {(m.kind, m.name): m.body for m in plan_manifests(testbed, facts_from(testbed))}
    pod = bodies["Deployment", "grafana"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    places = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    for volume in pod["volumes"]:
        place = folder / places[volume["name"]].lstrip("/")
        place.mkdir(parents=True)
        if "secret" in volume:
            (place / "password").write_text(PASSWORD)
        if "configMap" in volume:
            data = bodies["ConfigMap", volume["configMap"]["name"]]["data"]
            items = volume["configMap"].get("items") or [{"key": k, "path": k} for k in data]
            for item in items:
                (place / item["path"]).parent.mkdir(parents=True, exist_ok=True)
                text = data[item["key"]].replace("/etc/grafana/", f"{folder}/etc/grafana/")
                (place / item["path"]).write_text(text)
    settings = {each["name"]: each["value"] for each in container["env"]}
    moved = {k: f"{folder}{v}" if v.startswith("/") else v for k, v in settings.items()}
    return {**moved, "GF_AUTH_ANONYMOUS_ENABLED": "false"}


@pytest.fixture
def grafana(tmp_path) -> Iterator[str]:
    # no package brings Grafana, and the lab is beside the checkout or not at all
    if not STAND_IN.exists():
        pytest.skip(f"needs the lab's stand-in for Grafana: {STAND_IN}")
    port = free_port()
    settings = {**_mounted(tmp_path), "GF_SERVER_HTTP_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_LOOPBACK, STAND_IN],
        env={"PATH": os.defpath, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout.readline() == f"1 data sources, {len(BOARDS)} dashboards\n"
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.communicate()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_it_reads_source_and_dashboards_and_asks_for_the_password(grafana):
    assert requests.get(f"{grafana}/api/search", timeout=5).status_code == 401
    with requests.Session() as session:
        session.auth = ("admin", PASSWORD)
        found = session.get(f"{grafana}/api/search", timeout=5).json()
        assert {each["uid"] for each in found} == {f"fogbed-{board}" for board in BOARDS}
        assert {each["folderTitle"] for each in found} == {"fogbed"}
        (source,) = session.get(f"{grafana}/api/datasources", timeout=5).json()
        assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
        opened = session.get(f"{grafana}/api/dashboards/uid/fogbed-flink", timeout=5).json()
        assert opened["dashboard"]["title"] == "Flink"
