"""Grafana as it is planned: who may look, whom it asks, and that it calls nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.plan.cluster import facts_from
from fogbed.plan.images import images_of
from fogbed.plan.manifests import plan_manifests
from fogbed.plan.services.grafana import board_path
from fogbed.plan.services.grafana_settings import BOARDS
from fogbed.spec.testbed import Testbed

CASE = Path(__file__).parents[2] / "cases" / "manifests" / "shown.yml"
MOST_OF_A_MAP = 2**20


def shown(**grafana: object) -> Testbed:
    tree = YAML(typ="safe").load(CASE.read_text(encoding="utf-8"))
    tree["services"]["grafana"] = {"enabled": True, **grafana}
    return Testbed.model_validate(tree)


def planned(testbed: Testbed):
    manifests = plan_manifests(testbed, facts_from(testbed))
    return {(each.kind, each.name): each.body for each in manifests}


def settings_of(testbed: Testbed) -> dict[str, str]:
    pod = planned(testbed)["Deployment", "grafana"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.parametrize("viewer", [False, True])
def test_without_a_password_one_looks_if_that_was_asked_for_and_never_edits(viewer):
    settings = settings_of(shown(viewer=viewer))
    assert settings["GF_AUTH_ANONYMOUS_ENABLED"] == str(viewer).lower()
    assert settings["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert settings["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert settings["GF_PUBLIC_DASHBOARDS_ENABLED"] == "false"


def test_the_password_is_a_file_and_written_nowhere():
    testbed = shown()
    settings = settings_of(testbed)
    assert Path(settings["GF_SECURITY_ADMIN_PASSWORD__FILE"]) == Path("/run/grafana/password")
    assert "GF_SECURITY_ADMIN_PASSWORD" not in settings
    assert "Secret" not in {kind for kind, _ in planned(testbed)}


def test_two_testbeds_open_in_one_browser_have_a_session_each():
    """All are on 127.0.0.1, and a cookie is sent to every port of it."""
    testbed = shown()
    other = testbed.model_copy(update={"name": "another"})
    names = {settings_of(each)["GF_AUTH_LOGIN_COOKIE_NAME"] for each in (testbed, other)}
    assert len(names) == 2


def test_it_tells_nobody_of_itself_and_fetches_nothing():
    settings = settings_of(shown())
    said = {name: value for name, value in settings.items() if "ANALYTICS" in name}
    assert len(said) == 4
    assert set(said.values()) == {"false"}
    assert settings["GF_NEWS_NEWS_FEED_ENABLED"] == "false"
    assert settings["GF_SECURITY_DISABLE_GRAVATAR"] == "true"
    # Grafana 13 replaces plugins of its image at its start, which a read-only root makes an end of
    assert settings["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert settings["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"


def test_it_reaches_prometheus_and_is_reached_by_nobody():
    policy = planned(shown())["NetworkPolicy", "grafana"]["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert "ingress" not in policy
    to_prometheus, to_names = policy["egress"]
    assert to_prometheus["ports"] == [{"port": 9090}]
    assert {each["port"] for each in to_names["ports"]} == {53}
    let_in = planned(shown())["NetworkPolicy", "prometheus"]["spec"]["ingress"]
    assert "grafana" in str(let_in)


def test_it_asks_the_testbed_s_own_prometheus_as_often_as_that_asks():
    objects = planned(shown())
    texts = objects["ConfigMap", "grafana-provisioning"]["data"]
    (source,) = json.loads(texts["source.yml"])["datasources"]
    service = objects["Service", "prometheus"]
    (port,) = service["spec"]["ports"]
    assert source["url"] == f"http://{service['metadata']['name']}:{port['port']}"
    assert source["jsonData"]["timeInterval"] == "2000ms"
    assert (source["isDefault"], source["editable"]) == (True, False)
    boards = objects["ConfigMap", "grafana-dashboards"]["data"]
    asked = {panel["datasource"]["uid"] for text in boards.values() for panel in _panels(text)}
    assert asked == {source["uid"]}


def _panels(text: str):
    tops = json.loads(text)["panels"]
    return [each for top in tops for each in (top, *top.get("panels", ())) if each["type"] != "row"]


def test_all_dashboards_are_there_and_fit_into_a_map():
    boards = planned(shown())["ConfigMap", "grafana-dashboards"]["data"]
    assert list(boards) == [f"{name}.json" for name in BOARDS]
    assert sum(map(len, boards.values())) < MOST_OF_A_MAP / 2


def test_what_it_reads_at_its_start_starts_it_again():
    def checksum(testbed):
        template = planned(testbed)["Deployment", "grafana"]["spec"]["template"]
        return template["metadata"]["annotations"]["fogbed.io/config"]

    services = shown().services
    slower = services.prometheus.model_copy(update={"scrape_interval": 9.0})
    changed = shown().model_copy(
        update={"services": services.model_copy(update={"prometheus": slower})}
    )
    assert checksum(shown()) != checksum(changed)


def test_it_is_beside_prometheus_unless_it_is_told_where():
    def host(testbed):
        pod = planned(testbed)["Deployment", "grafana"]["spec"]["template"]["spec"]
        return pod["nodeSelector"]["kubernetes.io/hostname"]

    assert host(shown()) == "cloud-1"
    assert host(shown(node="edge-1")) == "edge-1"


def test_its_image_is_its_own_or_another_one():
    assert images_of(shown())["grafana"] == "docker.io/grafana/grafana:13.1.3"
    assert images_of(shown(image="mirror.lab/grafana:13.2.0"))["grafana"].endswith(":13.2.0")
    assert "grafana" not in images_of(shown(enabled=False))


def test_a_taskmanager_leaves_it_room():
    def memory(testbed):
        name = ("Deployment", "taskmanager-fog-1")
        (container,) = planned(testbed)[name]["spec"]["template"]["spec"]["containers"]
        return container["resources"]["limits"]["memory"]

    assert (memory(shown()), memory(shown(node="fog-1"))) == ("3024Mi", "2640Mi")


def test_a_dashboard_is_opened_at_a_time_of_a_testbed():
    now = "/d/fogbed-fleet?from=now-15m&to=now&var-testbed=a+b"
    assert board_path("fleet", "a b") == now
    begun = board_path("flink", "t", run="r", window=(1.5, None))
    assert begun == "/d/fogbed-flink?from=1500&to=now&var-testbed=t&var-run=r"
