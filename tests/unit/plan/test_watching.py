"""What watches a testbed on a cluster: its rights, who reaches it, what it takes of the nodes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.plan.cluster import Cluster, facts_from
from fogbed.plan.images import images_of
from fogbed.plan.manifests import PARTS, plan_manifests
from fogbed.plan.services.prometheus import config, storage_arguments
from fogbed.spec.testbed import Testbed

CASES = Path(__file__).parents[2] / "cases" / "manifests"
WATCHED = ("watched", "watched-shared")
WATCHING = PARTS["prometheus"]
COMPONENT = "app.kubernetes.io/component"
FLINK = {"key": COMPONENT, "operator": "In", "values": ["jobmanager", "taskmanager"]}


def case(name: str, **services: object) -> Testbed:
    read = YAML(typ="safe").load((CASES / f"{name}.yml").read_text(encoding="utf-8"))
    read["services"] |= services
    return Testbed.model_validate(read)


def planned(name: str, **services: object):
    testbed = case(name, **services)
    return plan_manifests(testbed, facts_from(testbed))


def bodies(manifests, kind: str):
    return {each.name: each.body for each in manifests if each.kind == kind}


def policy(manifests, name: str):
    return bodies(manifests, "NetworkPolicy")[name]["spec"]


@pytest.mark.parametrize("name", WATCHED)
def test_what_watches_may_read_and_nothing_else(name):
    roles = [
        each for each in planned(name) if each.kind.endswith("Role") and each.component in WATCHING
    ]
    assert {each.name for each in roles if each.kind == "Role"} == {
        "prometheus",
        "kube-state-metrics",
    }
    for role in roles:
        for rule in role.body["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert not {"secrets", "configmaps", "nodes/proxy"} & set(rule["resources"])


@pytest.mark.parametrize("name", WATCHED)
def test_outside_its_namespaces_it_sees_nodes_and_asks_those_of_the_testbed(name):
    testbed = case(name)
    (role,) = [
        each.body
        for each in planned(name)
        if each.kind == "ClusterRole" and each.component == "prometheus"
    ]
    nodes, figures = role["rules"]
    assert nodes == {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}
    assert figures == {
        "apiGroups": [""],
        "resources": ["nodes/metrics"],
        "resourceNames": [node.name for node in testbed.nodes],
        "verbs": ["get"],
    }


def test_prometheus_reaches_flinks_figures_and_not_its_rest_port():
    flink, figures = policy(planned("watched"), "flink")["ingress"]
    assert flink == {"from": [{"podSelector": {"matchExpressions": [FLINK]}}]}
    prometheus = {"podSelector": {"matchLabels": {COMPONENT: "prometheus"}}}
    assert figures == {"from": [prometheus], "ports": [{"port": 9249}]}


def test_nobody_but_prometheus_reaches_what_it_asks_and_only_grafana_asks_it():
    manifests = planned("watched")
    for name, port in (("kube-state-metrics", 8080), ("node-exporter", 9100)):
        (rule,) = policy(manifests, name)["ingress"]
        (source,) = rule["from"]
        assert source["podSelector"] == {"matchLabels": {COMPONENT: "prometheus"}}
        assert rule["ports"] == [{"port": port}]
    (rule,) = policy(manifests, "prometheus")["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {COMPONENT: "grafana"}}}]


@pytest.mark.parametrize("name", WATCHED)
def test_no_port_of_a_node_leads_to_it(name):
    for each in planned(name):
        if each.kind in ("Deployment", "DaemonSet") and each.component in WATCHING:
            pod = each.body["spec"]["template"]["spec"]
            assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
            assert "hostPort" not in str(pod)


def test_minio_shows_its_figures_where_somebody_asks_for_them():
    def told(manifests):
        (container,) = bodies(manifests, "Deployment")["minio"]["spec"]["template"]["spec"][
            "containers"
        ]
        return {each["name"]: each.get("value") for each in container["env"]}

    assert told(planned("watched"))["MINIO_PROMETHEUS_AUTH_TYPE"] == "public"
    assert "MINIO_PROMETHEUS_AUTH_TYPE" not in told(planned("watched", prometheus={}))


def test_the_oldest_figures_go_before_their_volume_is_full():
    arguments = storage_arguments(retention_s=36 * 3600, size=2 * 2**30, slowest_s=10)
    assert "--storage.tsdb.retention.time=129600000ms" in arguments
    assert "--storage.tsdb.retention.size=1638MB" in arguments
    assert "--query.lookback-delta=30000ms" in arguments


def test_nobody_can_end_it_or_delete_figures_over_its_port():
    (container,) = bodies(planned("watched"), "Deployment")["prometheus"]["spec"]["template"][
        "spec"
    ]["containers"]
    assert not [each for each in container["args"] if "admin-api" in each or "lifecycle" in each]


def test_its_volume_is_found_as_minios_is():
    claims = bodies(planned("watched"), "PersistentVolumeClaim")
    assert claims["prometheus-data"]["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
    }
    folder = bodies(planned("watched-shared"), "PersistentVolume")["fogbed-visitor-prometheus"]
    assert folder["spec"]["local"] == {"path": "/srv/figures"}
    # without a class and without MinIO: ours, beside Prometheus
    bare = case("watched-shared", prometheus={"enabled": True, "node": "node-b"})
    manifests = plan_manifests(bare, replace(facts_from(bare), has_default_class=False))
    claim = bodies(manifests, "PersistentVolumeClaim")["prometheus-data"]["spec"]
    assert claim["storageClassName"] == "fogbed-visitor"
    provisioner = bodies(manifests, "Deployment")["local-path"]["spec"]["template"]["spec"]
    assert provisioner["nodeSelector"] == {"kubernetes.io/hostname": "node-b"}


def test_a_taskmanager_leaves_room_for_what_watches_its_node():
    def limit(**services):
        deployments = bodies(planned("watched", **services), "Deployment")
        (container,) = deployments["taskmanager-fog-1"]["spec"]["template"]["spec"]["containers"]
        return container["resources"]["limits"]["memory"]

    assert limit(prometheus={}) == "3Gi"
    assert limit(prometheus={"enabled": True}) == f"{3072 - 48}Mi"
    assert limit() == f"{3072 - 48 - 408 - 96}Mi"


def test_a_change_of_whom_it_asks_starts_prometheus_again_and_flink_not():
    def pods(**services):
        deployments = bodies(planned("watched", **services), "Deployment")
        return {name: body["spec"]["template"] for name, body in deployments.items()}

    before, after = (
        pods(prometheus={"enabled": True, "node": "fog-1", "scrape_interval": each})
        for each in ("1s", "5s")
    )
    assert [name for name in before if before[name] != after[name]] == ["prometheus"]


@pytest.mark.parametrize(
    ("interval", "fast", "slow"), [("1s", 1, 10), ("5s", 5, 10), ("60s", 60, 60)]
)
def test_what_counts_slowly_is_asked_no_more_often_than_that(interval, fast, slow):
    testbed = case("watched", prometheus={"enabled": True, "scrape_interval": interval})
    made = YAML(typ="safe").load(
        config(Cluster(testbed=testbed, facts=facts_from(testbed), images=images_of(testbed)))
    )
    jobs = {each["job_name"]: each for each in made["scrape_configs"]}
    asked = {
        name: job.get("scrape_interval", made["global"]["scrape_interval"])
        for name, job in jobs.items()
    }
    assert {name for name, each in asked.items() if each == f"{fast * 1000}ms"} >= {"flink", "node"}
    assert asked["cadvisor"] == asked["kubelet"] == f"{slow * 1000}ms"


def test_a_prometheus_that_reads_what_it_had_is_not_killed_however_long_it_takes():
    """Meanwhile it says that it is healthy and not ready: tests/prometheus/test_replay.py."""
    pod = bodies(planned("watched"), "Deployment")["prometheus"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    asked = {probe: container[probe]["httpGet"]["path"] for probe in container if "Probe" in probe}
    assert asked == {
        "startupProbe": "/-/healthy",
        "livenessProbe": "/-/healthy",
        "readinessProbe": "/-/ready",
    }


def test_its_images_are_called_as_those_who_make_them_do():
    assert {
        name: image for name, image in images_of(case("watched")).items() if name in WATCHING
    } == {
        "prometheus": "docker.io/prom/prometheus:v3.14.0",
        "node-exporter": "docker.io/prom/node-exporter:v1.12.1",
        "kube-state-metrics": "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.18.0",
    }
    mirrored = images_of(case("watched-shared"))
    assert mirrored["node-exporter"] == "mirror.lab:5000/prom/node-exporter:v1.12.1"
    own = case("watched", prometheus={"enabled": True, "image": "lab/prometheus:v3.14.0"})
    assert images_of(own)["prometheus"].endswith("lab/prometheus:v3.14.0")
