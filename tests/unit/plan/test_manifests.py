"""Manifests: byte for byte as they were, accepted by every schema, and true of any testbed."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fogbed.errors import UsageError
from fogbed.network.agent import wire
from fogbed.plan.cluster import OWNER, agent_namespace_of, facts_from, namespace_of
from fogbed.plan.images import images_of
from fogbed.plan.manifests import PARTS, Manifest, plan_manifests, render_manifests
from fogbed.plan.placement import resources_offered
from fogbed.plan.services.jobmanager import scheduler_of
from fogbed.spec.testbed import Network, Testbed

TESTS = Path(__file__).parents[2]
GOLDEN = TESTS / "golden" / "manifests"
COMPONENT = "app.kubernetes.io/component"
CASES = sorted((TESTS / "cases" / "manifests").glob("*.yml"))


def _script():
    path = TESTS.parent / "scripts" / "manifests.py"
    spec = importlib.util.spec_from_file_location("manifests_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LINT = _script()


def case(name: str) -> Testbed:
    return LINT.read_case(TESTS / "cases" / "manifests" / f"{name}.yml")


def planned(name, **more):
    testbed = case(name)
    return plan_manifests(testbed, replace(facts_from(testbed), **more))


def found(manifests, kind, name):
    (one,) = [each.body for each in manifests if (each.kind, each.name) == (kind, name)]
    return one


def pod_of(manifests, name, kind="Deployment"):
    return found(manifests, kind, name)["spec"]["template"]


def container_of(manifests, name):
    (container,) = pod_of(manifests, name)["spec"]["containers"]
    return container


def container_of_set(manifests, name):
    (container,) = pod_of(manifests, name, "DaemonSet")["spec"]["containers"]
    return container


def settings_of(container):
    """What Flink is told by arguments; each is two words."""
    words = container["args"][container["args"].index("-D") :]
    assert set(words[::2]) == {"-D"}
    return dict(word.split("=", 1) for word in words[1::2])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_manifests_are_as_they_were(path):
    testbed = LINT.read_case(path)
    files = {each.name: each.text for each in render_manifests(testbed, facts_from(testbed))}
    golden = {
        each.name: each.read_text(encoding="utf-8") for each in (GOLDEN / path.stem).iterdir()
    }
    assert files == golden


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_people_and_machines_read_the_same(path):
    testbed = LINT.read_case(path)
    for file in render_manifests(testbed, facts_from(testbed)):
        read = list(YAML(typ="safe", pure=True).load_all(file.text))
        assert list(yaml.load_all(file.text, yaml.SafeLoader)) == read
        assert None not in read, "an empty document"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_schema_and_no_rule_refuses_them(path):
    testbed = LINT.read_case(path)
    assert LINT.faults(plan_manifests(testbed, facts_from(testbed))) == []


def broken(change):
    body = copy.deepcopy(dict(found(planned("pis"), "Deployment", "minio")))
    pod = body["spec"]["template"]["spec"]
    change(pod, pod["containers"][0])
    return LINT.faults([Manifest(component="minio", body=body)])


def test_what_the_house_does_not_allow_is_refused():
    at = "Deployment fogbed-pico/minio: "
    assert broken(lambda _, c: c["resources"].pop("limits")) == [
        f"{at}container minio: no limits of cpu, memory",
        f"{at}container minio: it may use more memory than it asked for",
    ]
    assert broken(lambda pod, _: pod["securityContext"].pop("runAsUser")) == [f"{at}it may be root"]
    for image in ("docker.io/minio/minio:latest", "minio/minio"):
        (told,) = broken(lambda _, c, image=image: c.update(image=image))
        assert told.endswith("is not one that stays")
    assert broken(lambda _, c: [c.pop("livenessProbe"), c.pop("readinessProbe")]) == [
        f"{at}container minio: no probe"
    ]
    assert len(broken(lambda _, c: c.pop("securityContext"))) == 3
    in_network = {"hostNetwork": True}
    (told,) = broken(lambda pod, _: pod.update(in_network))
    assert told == f"{at}it is in its node's own network, or sees its processes"
    port = [{"containerPort": 9000, "hostPort": 9000}]
    assert broken(lambda _, c: c.update(ports=port)) == [
        f"{at}container minio: a port of its node leads to it"
    ]
    (told, *_) = broken(lambda _, c: c.update(imagePullPolicie="Always"))
    assert told.startswith(f"{at}Kubernetes 1.34 refuses spec.template.spec.containers.0: ")


def test_a_taskmanager_is_told_what_a_laptop_s_is():
    manifests = planned("pis")
    container = container_of(manifests, "taskmanager-pico-1")
    told = settings_of(container)
    offered = ["node-pico-1", "tier-fog", "label-on-yes", "label-zone-brussels_1"]
    assert told["external-resources"].split(";") == offered
    assert {told[f"external-resource.{name}.amount"] for name in offered} == {"2"}
    assert told["taskmanager.resource-id"] == "pico-1"
    assert told["taskmanager.numberOfTaskSlots"] == "2"
    assert told["taskmanager.host"] == "$(POD_IP)"
    sizes = [
        int(value.removesuffix("b"))
        for key, value in told.items()
        if key.startswith("taskmanager.memory.") and not key.endswith(".min")
    ]
    assert sum(sizes) == 640 * 2**20
    assert container["resources"]["limits"]["memory"] == "640Mi"


def test_too_little_memory_is_said_of_all_at_once():
    testbed = case("kind")
    small = [node.model_copy(update={"memory": 2**28}) for node in testbed.nodes]
    manager = testbed.services.flink.jobmanager.model_copy(update={"memory": 2**28})
    flink = testbed.services.flink.model_copy(update={"jobmanager": manager})
    services = testbed.services.model_copy(update={"flink": flink})
    changed = testbed.model_copy(update={"nodes": tuple(small), "services": services})
    with pytest.raises(UsageError) as refused:
        plan_manifests(changed, facts_from(changed))
    assert refused.value.details.splitlines() == [
        "services.flink.jobmanager: 256m of memory; it needs at least 512m",
        "nodes[fog-1]'s TaskManager: 256m of memory; it needs at least 512m",
        "nodes[edge-1]'s TaskManager: 256m of memory; it needs at least 512m",
    ]


def test_a_taskmanager_is_cut_to_its_node():
    sizes = {"pico-1": 3795 * 2**20, "pico-2": 900 * 2**20}
    testbed = case("pis")
    services = testbed.services.model_copy(update={"flink": type(testbed.services.flink)()})
    facts = replace(facts_from(testbed), memory=sizes)
    manifests = plan_manifests(testbed.model_copy(update={"services": services}), facts)
    limits = [
        container_of(manifests, f"taskmanager-pico-{number}")["resources"]["limits"]["memory"]
        for number in range(3)
    ]
    assert limits == ["768Mi", "896Mi", "512Mi"]


def test_only_workers_have_a_replica():
    replicas = {
        each.name: each.body["spec"]["replicas"]
        for each in planned("pis", workers=frozenset({"pico-2"}))
        if each.component == "taskmanager"
    }
    assert replicas == {
        "taskmanager-pico-0": 0,
        "taskmanager-pico-1": 0,
        "taskmanager-pico-2": 1,
    }


def test_the_scheduler_is_the_jobmanager_s_alone():
    one, other = planned("pis", scheduler="adaptive"), planned("pis", scheduler="default")
    differing = [a.name for a, b in zip(one, other, strict=True) if a != b]
    assert differing == ["jobmanager-config", "jobmanager"]
    for manifests, scheduler in ((one, "adaptive"), (other, "default")):
        config = found(manifests, "ConfigMap", "jobmanager-config")["data"]["config.yaml"]
        assert scheduler_of(config) == scheduler
    assert scheduler_of("") is None


def test_the_mark_of_an_owner_is_the_namespace_s_alone():
    one, other = planned("existing"), planned("existing", owner="c0ffee")
    (changed,) = [b.body for a, b in zip(one, other, strict=True) if a != b]
    assert changed["metadata"]["name"] == namespace_of(case("existing").name)
    assert changed["metadata"]["annotations"] == {OWNER: "c0ffee"}


def test_another_configuration_starts_flink_again():
    def checksum(manifests, name):
        return pod_of(manifests, name)["metadata"]["annotations"]["fogbed.io/config"]

    testbed = case("own-store")
    store = testbed.services.minio.model_copy(update={"bucket": "other"})
    services = testbed.services.model_copy(update={"minio": store})
    other = testbed.model_copy(update={"services": services})
    before, after = (plan_manifests(each, facts_from(each)) for each in (testbed, other))
    for name in ("jobmanager", "taskmanager-node-a"):
        assert checksum(before, name) != checksum(after, name)


def test_a_leader_is_elected_where_it_was_asked_for():
    without, survives = planned("kind"), planned("existing")
    assert pod_of(without, "jobmanager")["spec"]["automountServiceAccountToken"] is False
    pod = pod_of(survives, "jobmanager")["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("flink", True)
    assert "nodeSelector" not in pod
    config = YAML(typ="safe").load(
        found(survives, "ConfigMap", "jobmanager-config")["data"]["config.yaml"]
    )
    assert config["high-availability.storageDir"] == "s3p://fogbed/ha"
    assert config["kubernetes.namespace"] == "fogbed-shared"
    # what it is restored from is not on the JobManager's node
    assert pod_of(survives, "minio")["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "node-b"}


def test_where_minio_keeps_its_data():
    def claim(manifests):
        return found(manifests, "PersistentVolumeClaim", "minio-data")["spec"]

    kinds = {each.kind for each in planned("pis")}
    assert "StorageClass" in kinds
    assert claim(planned("pis"))["storageClassName"] == "fogbed-pico"
    default = planned("pis", has_default_class=True)
    assert "StorageClass" not in {each.kind for each in default}
    assert "storageClassName" not in claim(default)
    assert claim(planned("existing"))["storageClassName"] == "fast"
    folder = planned("folder")
    assert claim(folder)["storageClassName"] == ""
    volume = found(folder, "PersistentVolume", "fogbed-shelf-minio")["spec"]
    assert (volume["local"], volume["capacity"]) == ({"path": "/srv/minio"}, {"storage": "64Gi"})
    assert claim(folder)["volumeName"] == "fogbed-shelf-minio"


def test_a_volume_of_our_own_has_a_folder_that_is_called_as_the_claim():
    own = found(planned("pis"), "StorageClass", namespace_of(case("pis").name))
    assert own["parameters"] == {"pathPattern": "{{ .PVC.Namespace }}/{{ .PVC.Name }}/volume"}


def test_a_store_of_the_user_s_own_takes_minio_s_place():
    manifests = planned("own-store")
    assert not [each for each in manifests if each.component in ("minio", "local-path")]
    config = YAML(typ="safe").load(
        found(manifests, "ConfigMap", "flink-config")["data"]["config.yaml"]
    )
    assert config["s3.endpoint"] == "https://s3.lab:9000"
    assert config["execution.checkpointing.dir"] == "s3p://experiments/checkpoints"
    told = {each["name"]: each for each in container_of(manifests, "jobmanager")["env"]}
    key = told["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"]
    assert key == {"name": "my-keys", "key": "access-key"}


def test_a_part_that_is_left_out_takes_its_objects_with_it_and_no_others():
    testbed = case("kind")
    whole = plan_manifests(testbed, facts_from(testbed))
    for part, components in PARTS.items():
        rest = plan_manifests(testbed, facts_from(testbed), without=frozenset({part}))
        assert list(rest) == [each for each in whole if each.component not in components]


def test_images_come_from_where_the_cluster_can_get_them():
    assert images_of(case("pis")) == {
        "jobmanager": "docker.io/library/flink:2.2.1-java17",
        "taskmanager": "docker.io/library/flink:2.2.1-java17",
        "minio": "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z",
        "agent": "docker.io/library/python:3.11-slim",
        "local-path": "docker.io/rancher/local-path-provisioner:v0.0.30",
    }
    # nothing is installed on somebody else's nodes: the names themselves lead to the mirror
    assert images_of(case("existing")) == {
        "jobmanager": "mirror.lab:5000/ghcr/apache/flink-docker:2.2.1-java17",
        "taskmanager": "mirror.lab:5000/ghcr/apache/flink-docker:2.2.1-java17",
        "minio": "rest.lab/minio/minio:RELEASE.2025-09-07T16-13-09Z",
        "agent": "mirror.lab:5000/library/python:3.11-slim",
        "shaper": "mirror.lab:5000/library/python:3.11-slim",
    }


@pytest.mark.parametrize(
    ("name", "emulator", "wanted"),
    [
        ("kind", "auto", {"agent", "shaper"}),
        ("existing", "fabric", {"agent", "shaper"}),
        ("existing", "none", {"agent"}),
        ("pis", "auto", {"agent"}),  # SSH leads to their own network
    ],
)
def test_nodes_have_shapers_where_nothing_else_leads_to_their_own_network(name, emulator, wanted):
    testbed = case(name).model_copy(update={"network": Network(emulator=emulator)})
    sets = [m for m in plan_manifests(testbed, facts_from(testbed)) if m.kind == "DaemonSet"]
    assert {each.name for each in sets} - {"node-exporter"} == wanted
    in_node = [m.name for m in sets if m.body["spec"]["template"]["spec"].get("hostNetwork")]
    assert in_node == [each for each in ("shaper",) if each in wanted]
    assert ("shaper" in images_of(testbed)) == ("shaper" in wanted)


def test_a_shaper_that_ends_has_the_resident_clear_first():
    program = container_of_set(planned("kind"), "shaper")["command"][-1]
    assert repr(wire.NAME) in program.replace('"', "'").replace("\\0", "\\x00")
    name = f"fogbed-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        shaper = subprocess.Popen(
            [sys.executable, "-I", "-c", program.replace("fogbed-links", name)],
            stdout=subprocess.PIPE,
            text=True,
        )
        # from when on it heeds a signal: it ignores the ends of children just after
        status, ignored = Path(f"/proc/{shaper.pid}/status"), re.compile(r"SigIgn:\t([0-9a-f]+)")
        sigchld = 1 << signal.SIGCHLD - 1
        end = time.monotonic() + 60
        while not int(ignored.search(status.read_text(encoding="ascii"))[1], 16) & sigchld:
            assert shaper.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        shaper.terminate()
        connection, _ = listener.accept()
        with connection:
            request = json.loads(connection.recv(4096))
            connection.sendall(b'{"ok": true}\n')
    assert request["do"] == "clear"
    assert request["with"]["force"] is True
    assert shaper.communicate()[0] == '{"ok": true}\n\n'
    assert shaper.returncode == 0


def test_an_image_that_is_pinned_is_named_with_its_digest():
    image = images_of(case("pis"))["minio"]
    digest = f"{image}@sha256:{'a' * 64}"
    assert container_of(planned("pis", pinned={image: digest}), "minio")["image"] == digest


@pytest.mark.parametrize("name", ["kind", "pis", "existing"])
def test_nothing_but_flink_itself_is_let_in_to_its_rest_port(name):
    policies = [each.body for each in planned(name) if each.kind == "NetworkPolicy"]
    assert not [each for each in policies if "ipBlock" in str(each)]
    let_in = [
        source["podSelector"]["matchExpressions"]
        for policy in policies
        if "jobmanager" in str(policy["spec"]["podSelector"])
        for rule in policy["spec"].get("ingress", ())
        for source in rule["from"]
    ]
    flink = {"key": COMPONENT, "operator": "In", "values": ["jobmanager", "taskmanager"]}
    assert let_in == [[flink]]


def test_secrets_are_named_and_never_written():
    for path in CASES:
        testbed = LINT.read_case(path)
        assert "Secret" not in {each.kind for each in plan_manifests(testbed, facts_from(testbed))}


SIZES = st.integers(3072, 4096).map("{}m".format)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@st.composite
def beds(draw: st.DrawFn) -> Testbed:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    platform = draw(st.sampled_from(["pi", "kind", "kubernetes"]))
    nodes = [
        {
            "name": name,
            "role": "worker" if number else "control-plane",
            "tier": draw(st.sampled_from(["cloud", "fog", "edge"])),
            "taskmanager": draw(st.booleans()),
            "slots": draw(st.none() | st.integers(1, 8)),
            "cores": draw(st.none() | st.sampled_from([0.5, 1, 4])),
            "memory": draw(st.none() | SIZES),
            "labels": draw(st.dictionaries(TAGS, TAGS, max_size=2)),
        }
        for number, name in enumerate(names)
    ]
    flink = {
        "high_availability": draw(st.booleans()),
        "jobmanager": {"memory": draw(st.sampled_from([None, "512m", "1g"]))},
        "taskmanager": {"memory": draw(st.sampled_from([None, "512m", "3g"]))},
    }
    minio = draw(
        st.sampled_from([{}, {"enabled": False}, {"storage_class": "fast"}, {"size": "2g"}])
    )
    prometheus = draw(
        st.sampled_from([{}, {"enabled": True}, {"enabled": True, "storage_class": "fast"}])
    )
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": draw(NAMES),
            "platform": platform,
            "nodes": nodes,
            "services": {"flink": flink, "minio": minio, "prometheus": prometheus},
        }
    )


OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def mebibytes(quantity):
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


@settings(max_examples=25)
@given(testbed=beds(), data=st.data())
def test_any_testbed_has_sound_manifests(testbed, data):
    names = [node.name for node in testbed.nodes]
    workers = data.draw(st.frozensets(st.sampled_from(names)))
    hosts = {name: f"host-{number}" for number, name in enumerate(names)}
    facts = replace(
        facts_from(testbed),
        hosts=hosts,
        workers=workers,
        has_default_class=data.draw(st.booleans()),
    )
    manifests = plan_manifests(testbed, facts)
    own = {namespace_of(testbed.name), agent_namespace_of(testbed.name)}
    assert all(NAMESPACE.fullmatch(each) and len(each) <= 63 for each in own)
    keys = [(each.kind, each.namespace, each.name) for each in manifests]
    assert len(set(keys)) == len(keys)
    for each in manifests:
        assert OBJECT.fullmatch(each.name)
        assert len(each.name) <= 253
        assert each.namespace in own | {""}
        assert list(LINT.faults_of_house(each)) == []
    assert plan_manifests(testbed.model_copy(deep=True), facts) == manifests
    taskmanagers = {
        each.body["metadata"]["labels"]["fogbed.io/node"]: each
        for each in manifests
        if each.component == "taskmanager"
    }
    assert list(taskmanagers) == names
    for node in testbed.nodes:
        body = taskmanagers[node.name].body["spec"]
        assert body["replicas"] == (node.name in workers)
        pod = body["template"]["spec"]
        assert pod["nodeSelector"] == {"kubernetes.io/hostname": hosts[node.name]}
        told = settings_of(pod["containers"][0])
        parts = [
            int(value.removesuffix("b"))
            for key, value in told.items()
            if key.startswith("taskmanager.memory.") and not key.endswith(".min")
        ]
        limit = mebibytes(pod["containers"][0]["resources"]["limits"]["memory"])
        assert -(-sum(parts) // 2**20) == limit
        assert all(part >= 0 for part in parts)
        offered = resources_offered(node.name, node.tier, node.labels)
        assert told["external-resources"] == ";".join(offered)


@given(one=NAMES, other=NAMES)
def test_two_testbeds_share_no_namespace(one, other):
    spaces = [
        space for name in {one, other} for space in (namespace_of(name), agent_namespace_of(name))
    ]
    assert len(set(spaces)) == len(spaces)
    assert namespace_of(f"{one[:40]}-agent"[:63]) != agent_namespace_of(one[:40])
