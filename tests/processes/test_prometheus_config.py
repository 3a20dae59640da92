"""Prometheus' configuration on a cluster, read by a real Prometheus: which targets it takes, how it
labels what they answer, and what of that it keeps.

Only discovery is replaced: a case says what it would know of a target, and that answers from here.
"""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import prometheus_server
import pytest
import requests
import yaml

from benchmarks.free_ports import free_port
from fogbed import paths
from fogbed.plan.cluster import Cluster, facts_from
from fogbed.plan.images import images_of
from fogbed.plan.services.prometheus import config, storage_arguments
from fogbed.spec.testbed import Testbed

CASES = Path(__file__).parents[1] / "cases"
SCRAPED = yaml.safe_load((CASES / "prometheus" / "scraped.yml").read_text(encoding="utf-8"))
HOSTS = {"cloud-1": "k-control-plane", "fog-1": "k-worker", "edge-1": "k-worker2"}
STARTED_S = 60.0


class Targets(BaseHTTPRequestHandler):
    """Answers at /NUMBER as the case of that number says."""

    def do_GET(self) -> None:
        body = SCRAPED[int(self.path.removeprefix("/"))].get("answers", "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def planned(port: int) -> dict:
    text = (CASES / "manifests" / "watched.yml").read_text(encoding="utf-8")
    testbed = Testbed.model_validate(yaml.safe_load(text))
    facts = replace(facts_from(testbed), hosts=HOSTS)
    made = yaml.safe_load(config(Cluster(testbed=testbed, facts=facts, images=images_of(testbed))))
    for job in made["scrape_configs"]:
        assert job.pop("kubernetes_sd_configs")
        # who is asked has no certificate and no pod's token here
        for key in ("scheme", "authorization", "tls_config"):
            job.pop(key, None)
        job["static_configs"] = [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {**case["found"], "__metrics_path__": f"/{number}"},
            }
            for number, case in enumerate(SCRAPED)
            if case["job"] == job["job_name"]
        ]
        # as often as this test would wait for it; how often clusters do is a golden file's
        job["scrape_interval"] = job["scrape_timeout"] = "1s"
    rules = paths.asset("manifests", "prometheus", "rules")
    made["rule_files"] = [str(rules / Path(each).name) for each in made["rule_files"]]
    return made


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Ask a path of the API of a Prometheus that has been asked to watch the targets."""
    program = prometheus_server.require()
    folder = tmp_path_factory.mktemp("prometheus")
    targets = ThreadingHTTPServer(("127.0.0.1", 0), Targets)
    threading.Thread(target=targets.serve_forever, daemon=True).start()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(planned(targets.server_port)), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    argv = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        *storage_arguments(retention_s=7200, size=2**30, slowest_s=10),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)

    with requests.Session() as session:
        session.trust_env = False  # no proxy is asked for what is here

        def ask(path: str, **parameters: str):
            answer = session.get(f"http://{address}/api/v1/{path}", params=parameters, timeout=10)
            return answer.json()["data"]

        try:
            until(lambda: all_asked(ask), lambda: (folder / "log").read_text("utf-8")[-3000:])
            yield ask
        finally:
            process.terminate()
            process.wait(30)
            targets.shutdown()
            targets.server_close()


def until(claim, say) -> None:
    deadline = time.monotonic() + STARTED_S
    while not claim():
        assert time.monotonic() < deadline, say()
        time.sleep(0.2)


def all_asked(ask) -> bool:
    try:
        active = ask("targets")["activeTargets"]
    except (requests.ConnectionError, ValueError):  # it does not listen, or is not ready
        return False
    return bool(active) and all(each["health"] != "unknown" for each in active)


def written(series: dict) -> str:
    """Return a series as a case writes it; the address is this test's."""
    name = series.pop("__name__")
    series.pop("instance")
    labels = ", ".join(f'{key}="{value}"' for key, value in sorted(series.items()))
    return f"{name}{{{labels}}}"


def test_every_target_that_is_ours_is_up_and_no_other_is_asked(ask):
    targets = ask("targets")
    assert {each["health"] for each in targets["activeTargets"]} == {"up"}
    asked = {int(each["scrapeUrl"].rsplit("/", 1)[1]) for each in targets["activeTargets"]}
    assert asked == {number for number, case in enumerate(SCRAPED) if "kept" in case}


@pytest.mark.parametrize(
    "case", [case for case in SCRAPED if "kept" in case], ids=lambda c: c["job"]
)
def test_what_is_kept_says_of_what_it_is(ask, case):
    known = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"}
    known |= {"scrape_samples_post_metric_relabeling"}
    found = ask("series", **{"match[]": f'{{job="{case["job"]}"}}'})
    kept = sorted(written(each) for each in found if each["__name__"] not in known)
    assert kept == case["kept"]


def test_its_rules_are_read_and_work(ask):
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 20
    assert [each for each in rules if each["health"] == "err"] == []
