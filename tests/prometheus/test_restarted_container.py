"""A container that was started again, as cAdvisor tells of it: what our configuration keeps."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_server import Server, require
from ruamel.yaml import YAML

from benchmarks.free_ports import free_port
from fogbed.clients.prometheus import PrometheusClient
from fogbed.plan.cluster import Cluster, facts_from
from fogbed.plan.images import images_of
from fogbed.plan.services.prometheus import config
from fogbed.spec.testbed import Testbed

CASE = Path(__file__).parents[1] / "cases" / "manifests" / "watched.yml"
# the one that ended is told of until its cgroup is found to be gone (google/cadvisor#2844)
PAGE = """\
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="taskmanager",id="/kubepods/ended",image="flink",name="a",namespace="SPACE",pod="taskmanager-edge-1-a"} 100
container_cpu_usage_seconds_total{container="taskmanager",id="/kubepods/begun",image="flink",name="b",namespace="SPACE",pod="taskmanager-edge-1-a"} 1
"""  # noqa: E501 - a line of theirs is one line


class CAdvisor(BaseHTTPRequestHandler):
    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def scraping(tmp_path):
    """A Prometheus that scrapes the page as a cluster's scrapes cAdvisor."""
    program = require()
    testbed = Testbed.model_validate(YAML(typ="safe").load(CASE.read_text(encoding="utf-8")))
    cluster = Cluster(testbed=testbed, facts=facts_from(testbed), images=images_of(testbed))
    planned = YAML(typ="safe").load(config(cluster))
    (job,) = [each for each in planned["scrape_configs"] if each["job_name"] == "cadvisor"]
    handler = type("Handler", (CAdvisor,), {"page": page(testbed.name)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as cadvisor:
        threading.Thread(target=cadvisor.serve_forever, daemon=True).start()
        own = {
            "job_name": "cadvisor",
            "static_configs": [{"targets": [f"127.0.0.1:{cadvisor.server_port}"]}],
            "metric_relabel_configs": job["metric_relabel_configs"],
        }
        port = free_port()
        settings = f"global: {{scrape_interval: 1s}}\nscrape_configs: {[own]!r}\n"
        server = Server(program, tmp_path / "prometheus", port, settings)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()
            cadvisor.shutdown()


def page(testbed: str) -> bytes:
    return PAGE.replace("SPACE", f"fogbed-{testbed}").encode()


def test_the_one_that_ended_and_the_one_that_began_are_two(scraping):
    with PrometheusClient(scraping) as client:
        deadline = time.monotonic() + 60
        while not (found := client.query("container_cpu_usage_seconds_total")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert sorted(value for each in found for _, value in each.samples) == [1, 100]
    assert {each.label("component") for each in found} == {"taskmanager"}
