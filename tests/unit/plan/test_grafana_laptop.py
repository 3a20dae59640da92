"""Grafana beside a laptop testbed as plain values: what it is told, what it must not be told."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.plan.local import room_needed
from fogbed.plan.local_processes import LocalFront, plan_from_json
from fogbed.plan.services.grafana_laptop import GrafanaProgram
from fogbed.plan.services.grafana_settings import BOARDS
from fogbed.plan.services.prometheus_laptop import PrometheusProgram

FOLDER = Path("/state/bench")
PROMETHEUS = PrometheusProgram(program=Path("/p"), version="2.42.0", rules={})
GRAFANA = GrafanaProgram(
    program=Path("/opt/grafana/bin/grafana"),
    words=("server",),
    home=Path("/opt/grafana"),
    version="11.6.0",
)
GRAFANA_INI = Path(__file__).parents[2] / "golden" / "laptop" / "grafana.ini"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: bench
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
services:
"""
WATCHED = "  prometheus: {enabled: true, scrape_interval: 2s}\n"


@pytest.fixture
def planned(laptop):
    def plan(services=WATCHED, prometheus=PROMETHEUS, grafana=GRAFANA):
        return laptop(TESTBED + services, folder=FOLDER, prometheus=prometheus, grafana=grafana)

    return plan


def grafana_of(plan):
    (found,) = plan.of("grafana")
    return found


def ini_of(plan):
    return grafana_of(plan).files[str(FOLDER / "conf/grafana/grafana.ini")]


def settings_of(plan):
    parser = configparser.RawConfigParser()
    parser.read_string(ini_of(plan))
    return parser


def test_its_settings_are_as_they_were(planned):
    assert ini_of(planned()) == GRAFANA_INI.read_text(encoding="utf-8")


def test_it_listens_on_loopback_and_keeps_everything_in_the_testbed_s_folder(planned):
    settings, process = settings_of(planned()), grafana_of(planned())
    assert settings["server"]["http_addr"] == "127.0.0.1"
    folders = {key: settings["paths"][key] for key in ("data", "logs", "plugins", "provisioning")}
    assert all(Path(each).is_relative_to(FOLDER) for each in folders.values())
    assert process.argv == (
        "/opt/grafana/bin/grafana",
        "server",
        "--homepath=/opt/grafana",
        "--config=/state/bench/conf/grafana/grafana.ini",
    )
    assert process.log == process.output == FOLDER / "logs/grafana.log"


def test_the_password_is_named_by_its_file_and_a_user_s_variables_do_not_count(planned):
    process = grafana_of(planned())
    security = settings_of(planned())["security"]
    named = [security[key] for key in ("admin_password", "secret_key")]
    assert named == [f"$__file{{{FOLDER}/grafana-login/{name}}}" for name in ("password", "key")]
    assert process.hides == ("GF_",)
    assert not any(name.startswith("GF_") for name in process.environment)


@pytest.mark.parametrize("viewer", [False, True])
def test_without_a_password_one_looks_if_that_was_asked_for(planned, viewer):
    settings = settings_of(planned(f"{WATCHED}  grafana: {{viewer: {str(viewer).lower()}}}\n"))
    assert settings["auth.anonymous"]["enabled"] == str(viewer).lower()
    assert settings["auth.anonymous"]["org_role"] == "Viewer"


def test_it_asks_the_testbed_s_own_prometheus_and_shows_every_dashboard(planned):
    files = grafana_of(planned()).files
    provisioning = FOLDER / "conf/grafana/provisioning"
    (source,) = json.loads(files[str(provisioning / "datasources/source.yml")])["datasources"]
    assert (source["url"], source["uid"]) == ("http://127.0.0.1:9090", "prometheus")
    assert source["jsonData"]["timeInterval"] == "2000ms"
    (provider,) = json.loads(files[str(provisioning / "dashboards/provider.yml")])["providers"]
    shown = {Path(name).stem for name in files if Path(name).parent == Path(_path_of(provider))}
    assert shown == set(BOARDS)


def _path_of(provider):
    return provider["options"]["path"]


def test_it_belongs_to_no_node_and_has_a_front_of_its_own(planned):
    plan = planned()
    assert plan.first[-2:] == ("prometheus", "grafana")
    assert plan.fronts[1:] == (
        LocalFront(name="prometheus", node=None, port=9090),
        LocalFront(name="grafana", node=None, port=3000),
    )
    assert plan_from_json(plan.to_json()) == plan


def test_a_plan_that_an_older_fogbed_wrote_hides_nothing(planned):
    written = json.loads(planned().to_json())
    for process in written["processes"]:
        del process["hides"]
    read = plan_from_json(json.dumps(written))
    assert {process.hides for process in read.processes} == {()}


def test_without_prometheus_there_is_none(planned):
    assert not planned("  flink: {scheduler: auto}\n", prometheus=None).of("grafana")
    assert [front.name for front in planned(grafana=None).fronts] == ["flink", "prometheus"]


def test_room_is_kept_for_it_where_it_may_run(planned, tmp_path):
    def room(services):
        planned(services)
        return room_needed(spec.load_testbed(tmp_path / "testbed.yml"))

    assert room(WATCHED) == room(f"{WATCHED}  grafana: {{enabled: true}}\n")
    assert room(WATCHED) > room(f"{WATCHED}  grafana: {{enabled: false}}\n")
