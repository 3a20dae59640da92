"""What `fogbed doctor` says of a cluster: of its images, and of what can shape its links."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fogbed.clients.images.registry import Resolved
from fogbed.clients.kube_access import KubeAccess
from fogbed.errors import NetworkError, ServiceError
from fogbed.plan.cluster import facts_from
from fogbed.plan.images import images_of
from fogbed.plan.manifests import plan_manifests
from fogbed.platforms.kubernetes import image_reach, platform, shaping
from fogbed.platforms.kubernetes.image_reach import check_images, has_image, images_by_host
from fogbed.platforms.kubernetes.platform import KubernetesPlatform
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "farm",
        "platform": "kubernetes",
        "nodes": [
            {"name": "a", "tier": "cloud", "role": "control-plane", "taskmanager": False},
            {"name": "b", "tier": "edge"},
        ],
    }
)
HOSTS = {"a": "host-a", "b": "host-b"}
IMAGES = images_of(BED)
MANIFESTS = plan_manifests(BED, replace(facts_from(BED), hosts=HOSTS))
FLINK, MINIO, AGENT = (IMAGES[name] for name in ("jobmanager", "minio", "agent"))
READY = {"type": "Ready", "status": "True"}


def node(name, *images, architecture="arm64"):
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "images": [{"names": [image]} for image in images],
            "nodeInfo": {"architecture": architecture},
            "allocatable": {"memory": "8Gi"},
            "conditions": [READY],
        },
    }


class Registries:
    """Has what it is told to have; of all else it says that it does not."""

    has: dict[str, frozenset[str]]
    asked: list[str]

    def __init__(self, *, timeout_s):
        # a doctor waits for nobody long
        assert timeout_s <= 10

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def resolve(self, image, sources):
        self.asked.append(str(image))
        if str(image) not in self.has:
            details = f"{sources[0]}: does not have it"
            raise ServiceError(f"no registry gives {image}", details=details)
        there = self.has[str(image)]
        return Resolved(digest="sha256:0", architectures=there, source=sources[-1])


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    both = frozenset({"amd64", "arm64"})
    monkeypatch.setattr(Registries, "has", dict.fromkeys(IMAGES.values(), both), raising=False)
    monkeypatch.setattr(Registries, "asked", [], raising=False)
    monkeypatch.setattr(image_reach, "Registries", Registries)
    return Registries


def checked(*nodes, **options):
    found = {each["metadata"]["name"]: each for each in nodes}
    return check_images(MANIFESTS, HOSTS, found, {}, **options)


def test_images_are_wanted_where_their_pods_run():
    found = images_by_host(MANIFESTS, HOSTS)
    assert set(found[FLINK]) == {"host-a", "host-b"}
    assert found[AGENT] == ("host-a", "host-b")
    assert found[MINIO] == ("host-a",)


def test_what_the_nodes_have_is_asked_of_nobody(registries):
    found = checked(node("host-a", FLINK, MINIO, AGENT), node("host-b", FLINK, AGENT))
    assert found == Check(
        "images", ok=True, found="3, on the nodes or brought there by up", blocks=False
    )
    assert registries.asked == []


def test_what_up_brings_is_asked_of_nobody(registries):
    found = checked(node("host-a", MINIO, AGENT), node("host-b", AGENT), brought=[FLINK])
    assert (found.ok, registries.asked) == (True, [])


def test_what_one_node_lacks_is_asked_from_here_and_said_to_be():
    found = checked(node("host-a", FLINK, MINIO, AGENT), node("host-b", AGENT))
    assert found.ok
    assert found.found == (
        "3, 1 of them to be had of registries (asked from this computer, not from the nodes)"
    )


def test_an_image_that_no_registry_has_is_named_and_does_not_stand_in_the_way(registries):
    del registries.has[MINIO]
    found = checked(node("host-a"), node("host-b"))
    assert (found.ok, found.blocks) == (False, False)
    assert found.found == (
        "1 of 3 are not to be had (asked from this computer, not from the nodes): "
        f"{MINIO} (https://quay.io: does not have it)"
    )
    assert "sources.registries" in found.fix


def test_an_image_for_other_processors_is_named(registries):
    registries.has[FLINK] = frozenset({"amd64"})
    found = checked(node("host-a", architecture="amd64"), node("host-b"))
    assert "has it for amd64, not for arm64" in found.found
    assert checked(node("host-a"), node("host-b", FLINK)).ok is False
    assert checked(node("host-a", architecture="amd64"), node("host-b", FLINK)).ok


def test_where_there_are_no_nodes_yet_the_tag_is_enough(registries):
    registries.has[FLINK] = frozenset({"amd64"})
    assert checked().ok


def test_of_a_locked_image_another_one_of_its_tag_does_not_do():
    digest = f"sha256:{'1' * 64}"
    nodes = {"h": node("h", "docker.io/library/flink:2", f"docker.io/library/flink@{digest}")}
    assert has_image(nodes, "h", "flink:2")
    assert has_image(nodes, "h", f"flink:2@{digest}")
    assert not has_image(nodes, "h", f"flink:2@sha256:{'2' * 64}")
    assert not has_image(nodes, "h", "flink:3")


class Cluster:
    """A cluster that answers; ``agents``: the nodes whose agent runs."""

    outlives_testbeds = True

    def __init__(self, *agents) -> None:
        self.agents = agents

    def examine(self):
        return [Check("context", ok=True, found="lab")]

    @contextmanager
    def looked_at(self):
        yield KubeAccess(kubeconfig=Path("/nowhere"))

    def hosts_by(self, _access):
        return HOSTS

    def brings(self, _images):
        return ()

    def raw(self, _path):
        return {"gitVersion": "v1.36.1"}

    def get(self, *_place):
        return None

    def preview(self, _body):
        return "created"

    def list(self, _version, kind, _namespace="", _labels=None):
        if kind == "Node":
            return [node("host-a"), node("host-b")]
        if kind != "Pod" or not _namespace:
            return []
        return [
            {
                "metadata": {"name": f"shaper-{each}"},
                "spec": {"nodeName": HOSTS[each]},
                "status": {"phase": "Running"},
            }
            for each in self.agents
        ]


def examined(monkeypatch, cluster, bed=BED):
    @contextmanager
    def objects(_access):
        yield cluster

    def emulators(emulator):
        with closing(emulator):
            found = emulator.survey()
        return [Check("emulation", ok=True, found=node) for node in (*found.given, *found.failed)]

    def nowhere(channel):
        # the last word before -- is the pod's name
        raise NetworkError(channel.prefix[-2])

    monkeypatch.setattr(platform, "KubeObjects", objects)
    monkeypatch.setattr(shaping, "check_emulators", emulators)
    monkeypatch.setattr(shaping, "Agent", nowhere)
    return KubernetesPlatform(bed, cluster).examine()


def test_doctor_looks_at_images_and_where_shapers_run_at_emulators(monkeypatch):
    checks = examined(monkeypatch, Cluster("b"))
    assert [each.name for each in checks] == [
        "context",
        "kubernetes",
        "nodes",
        "storage",
        "memory",
        "rights",
        "images",
        "owner",
        "emulation",
    ]
    assert checks[-1].found == "b"


def test_doctor_warns_of_ipv6_that_passes_unshaped(monkeypatch):
    dual, found = Cluster("b"), Cluster.list

    def with_ipv6(self, api_version, kind, *where):
        there = found(self, api_version, kind, *where)
        for each in there if kind == "Node" else ():
            each["spec"] = {**each["spec"], "podCIDRs": ["10.1.0.0/24", "fd00::/64"]}
        return there

    monkeypatch.setattr(Cluster, "list", with_ipv6)
    (warned,) = [each for each in examined(monkeypatch, dual) if "IPv6" in each.found]
    assert (warned.name, warned.ok, warned.blocks) == ("emulation", False, False)
    assert "IPv4" in warned.fix
    off = BED.model_copy(update={"network": BED.network.model_copy(update={"emulator": "none"})})
    assert not [each for each in examined(monkeypatch, dual, off) if "IPv6" in each.found]


def test_doctor_says_nothing_of_emulators_before_there_are_shapers(monkeypatch):
    assert "emulation" not in [each.name for each in examined(monkeypatch, Cluster())]


def test_a_lock_that_is_wrong_stands_in_the_way(monkeypatch, tmp_path):
    origin = tmp_path / "farm.yml"
    origin.with_name("farm.images.lock.yml").write_text("kind: ImageLock\n", encoding="utf-8")
    monkeypatch.setattr(platform, "KubeObjects", lambda _: pytest.fail("nobody is asked"))
    checks = KubernetesPlatform(BED, Cluster(), origin).examine()
    assert (checks[-1].name, checks[-1].ok, checks[-1].blocks) == ("lock", False, True)
