"""What is done with the node containers that are found: made, woken, deleted, or left alone.

An engine and a kind that remember what they were asked for stand for the real ones, which
tests/lab/test_kind_cluster.py has.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fogbed import paths, spec
from fogbed.clients.kind.command import KindFailed
from fogbed.clients.kind.containers import NodeContainer
from fogbed.clients.kind.words import KindStep
from fogbed.clients.progress import Quiet
from fogbed.errors import CommandError, Interrupted, PlatformError, UsageError
from fogbed.plan.kind import MARK, host_names
from fogbed.platforms.kind import cluster as module
from fogbed.platforms.kind import making
from fogbed.platforms.kind.cluster import KindCluster
from fogbed.platforms.kind.record import new_record, read_record, write_record
from fogbed.platforms.kind.site import Site
from fogbed.spec.testbed import Testbed

LAPTOP = spec.load_testbed(paths.asset("inventory", "laptop.yml"))
HOSTS = host_names(LAPTOP)


class Heard(Quiet):
    """A progress whose steps and notes can be read."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def step(self, what, *, total=None):
        self.said.append(what)
        with super().step(what, total=total) as step:
            yield step

    def note(self, text):
        self.said.append(text)


class World:
    """Engine and kind in one: node containers by name, and every change that was asked for."""

    name = "docker"

    def __init__(self) -> None:
        self.there: dict[str, NodeContainer] = {}
        self.asked: list[str] = []
        self.fails_with: BaseException | None = None
        self.logs = ""

    def containers(self, _cluster):
        return tuple(self.there.values())

    def start(self, name):
        self.asked.append(f"start {name}")

    def last_words(self, _name):
        return self.logs

    def texts(self, _name, _paths):
        return {}

    def put(self, name, path, _text):
        self.asked.append(f"put {name} {path}")

    def end_leftovers(self):
        return False

    def create(self, config, _kubeconfig, on_step):
        self.asked.append("create")
        on_step(KindStep("Preparing nodes", "begun"))
        self.fill(config.read_text(encoding="utf-8").split(MARK)[1].split()[0])
        if self.fails_with is not None:
            raise self.fails_with
        on_step(KindStep("Preparing nodes", "done"))

    def delete(self, _kubeconfig):
        self.asked.append("delete")
        self.there.clear()

    def kubeconfig(self):
        return "kubeconfig\n"

    def fill(self, owner, *, running=True):
        """Have all nodes there, the addresses of the last ones first."""
        for number, (name, host) in enumerate(reversed(HOSTS.items())):
            self.there[host] = NodeContainer(
                name=host,
                role=LAPTOP.node(name).role,
                is_running=running,
                mounts=frozenset({f"{MARK}{owner}"}),
                address=f"192.0.2.{9 + number}" if running else "",
            )


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.delenv("KIND_NODE_IMAGE", raising=False)
    monkeypatch.setattr(
        module, "open_site", lambda testbed, folder: Site(testbed, folder, made, made)
    )
    for name in ("wait_until_ready", "settle_nodes", "note_version"):
        monkeypatch.setattr(module, name, lambda *_, **__: None)
    monkeypatch.setattr(making, "wait_until_heard", lambda *_, **__: None)
    return made


def up(folder, testbed: Testbed = LAPTOP) -> list[str]:
    progress = Heard()
    KindCluster(testbed, folder).ensure(progress)
    return progress.said


@pytest.fixture
def whole(world, tmp_path):
    """A testbed's folder whose cluster came up."""
    up(tmp_path)
    world.asked.clear()
    return tmp_path


def test_what_the_engine_has_by_tag_is_brought_to_the_nodes(world, tmp_path):
    world.has_image = lambda image: image != "flink:2"
    cluster = KindCluster(LAPTOP, tmp_path)
    pinned = f"minio:1@sha256:{'0' * 64}"
    assert cluster.brings(["flink:2", "localhost/agent:1", pinned]) == ["localhost/agent:1"]


def test_a_cluster_is_made_and_remembered(world, tmp_path):
    said = up(tmp_path)
    assert world.asked == ["create"]
    assert said[0] == "kind: Preparing nodes"
    assert f"kubectl --kubeconfig {tmp_path / 'kubeconfig'}" in said
    record = read_record(tmp_path)
    assert record.is_whole
    assert record.starts == tuple(reversed(HOSTS.values()))
    cluster = KindCluster(LAPTOP, tmp_path)
    assert cluster.exists()
    assert cluster.access().kubeconfig.stat().st_mode & 0o777 == 0o600


def test_one_that_is_there_is_left_as_it_is(world, whole):
    up(whole)
    assert world.asked == []


def test_nodes_that_sleep_are_woken_in_the_order_of_their_addresses(world, whole):
    world.fill(read_record(whole).owner, running=False)
    up(whole)
    assert world.asked == [f"start {host}" for host in reversed(HOSTS.values())]


def test_a_kubeconfig_that_is_lost_is_had_again(world, whole):
    (whole / "kubeconfig").unlink()
    up(whole)
    assert world.asked == []
    assert (whole / "kubeconfig").exists()


def test_what_was_half_made_is_made_anew(world, tmp_path):
    write_record(tmp_path, replace(new_record(), owner="me"))
    world.fill("me")
    said = up(tmp_path)
    assert world.asked == ["delete", "create"]
    assert "the kind cluster fogbed-laptop was half made: it is made anew" in said


def test_without_its_control_plane_a_cluster_is_made_anew(world, whole):
    del world.there[HOSTS["cloud-1"]]
    said = up(whole)
    assert world.asked == ["delete", "create"]
    assert "the kind cluster fogbed-laptop is gone, not by fogbed: it is made anew" in said


def test_without_a_worker_nothing_is_lost_unasked(world, whole):
    del world.there[HOSTS["edge-2"]]
    with pytest.raises(PlatformError, match=r"edge-2 \(fogbed-laptop-worker3\)"):
        up(whole)
    assert world.asked == []


def test_somebody_elses_is_refused(world, tmp_path):
    world.fill("somebody else")
    with pytest.raises(PlatformError) as caught:
        up(tmp_path)
    assert "was not made from" in caught.value.message
    assert "kind delete cluster --name fogbed-laptop" in caught.value.hint
    assert not KindCluster(LAPTOP, tmp_path).exists()


def test_one_of_which_nothing_is_kept_is_not_said_to_be_down(world, tmp_path):
    world.fill("whoever")
    with pytest.raises(PlatformError) as caught:
        KindCluster(LAPTOP, tmp_path).remove(Quiet())
    assert f"there is a kind cluster fogbed-laptop, and {tmp_path}" in caught.value.message
    assert "kind delete cluster --name fogbed-laptop" in caught.value.hint
    assert world.asked == []


def test_without_an_engine_what_is_there_is_said_to_be_unseen(tmp_path, monkeypatch):
    def none(*_):
        raise UsageError("there is neither docker nor podman")

    monkeypatch.setattr(module, "open_site", none)
    progress = Heard()
    KindCluster(LAPTOP, tmp_path).remove(progress)
    said = "whether a kind cluster fogbed-laptop is here was not seen: there is neither docker"
    assert progress.said == [f"{said} nor podman"]


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"starts": 7, "owner": "me"}', "\udcff"])
def test_a_record_that_cannot_be_read_is_not_none(world, whole, text, monkeypatch):
    monkeypatch.setattr(module, "require_kind", lambda: None)
    path = whole / "kind.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    for use in (up, lambda folder: KindCluster(LAPTOP, folder).remove(Quiet())):
        with pytest.raises(PlatformError) as caught:
            use(whole)
        assert str(path) in caught.value.message
        assert "kind delete cluster" in caught.value.hint
    assert world.asked == []
    assert path.exists()
    check = KindCluster(LAPTOP, whole).examine()[0]
    assert not check.ok
    assert str(path) in check.found


def test_what_refuses_by_looking_refuses_before_anything(world, whole):
    fewer = LAPTOP.model_copy(update={"nodes": LAPTOP.nodes[:-1]})
    KindCluster(LAPTOP, whole).require_fit()
    with pytest.raises(UsageError, match="its nodes, or their roles or order"):
        KindCluster(fewer, whole).require_fit()
    del world.there[HOSTS["edge-2"]]
    with pytest.raises(PlatformError, match="are gone: edge-2"):
        KindCluster(LAPTOP, whole).require_fit()
    assert world.asked == []


@pytest.mark.parametrize(("age_s", "patience_s"), [(30.0, 240.0), (4000.0, 12.0)])
def test_nodes_that_have_run_for_long_are_not_waited_for(
    world, whole, monkeypatch, age_s, patience_s
):
    given = []
    monkeypatch.setattr(module, "wait_until_ready", lambda *_, **words: given.append(words))
    for host, each in list(world.there.items()):
        world.there[host] = replace(each, age_s=4000.0)
    world.there[host] = replace(each, age_s=age_s)
    up(whole)
    assert given[0]["timeout_s"] == patience_s


def test_a_node_that_is_paused_is_told_and_left_so(world, whole):
    host = HOSTS["edge-2"]
    world.there[host] = replace(world.there[host], is_paused=True)
    with pytest.raises(PlatformError, match="are paused: edge-2") as caught:
        up(whole)
    assert caught.value.hint.endswith(f"unpause {host}")
    assert world.asked == []


def test_the_record_of_another_version_is_a_record_still(world, whole):
    path = whole / "kind.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**kept, "later": 1}), encoding="utf-8")
    assert KindCluster(LAPTOP, whole).exists()
    KindCluster(LAPTOP, whole).remove(Quiet())
    assert world.asked == ["delete"]


def test_what_kind_cannot_change_is_refused(world, whole):
    with pytest.raises(UsageError, match="its nodes, or their roles or order"):
        up(whole, LAPTOP.model_copy(update={"nodes": LAPTOP.nodes[:-1]}))
    assert world.asked == []


def test_the_environments_image_counts_when_a_cluster_is_made_alone(world, tmp_path, monkeypatch):
    monkeypatch.setenv("KIND_NODE_IMAGE", "lab/node:1")
    up(tmp_path)
    assert "image: lab/node:1" in (tmp_path / "kind.yml").read_text(encoding="utf-8")
    monkeypatch.delenv("KIND_NODE_IMAGE")
    up(tmp_path)
    assert world.asked == ["create"]


def test_mirrors_are_put_into_every_node(world, tmp_path):
    sources = LAPTOP.sources.model_copy(update={"registries": {"*": "mirror.lab"}})
    up(tmp_path, LAPTOP.model_copy(update={"sources": sources}))
    path = "/etc/containerd/certs.d/_default/hosts.toml"
    assert world.asked[1:] == [f"put {host} {path}" for host in reversed(HOSTS.values())]


def test_a_failure_leaves_its_words_and_no_container(world, tmp_path):
    world.fails_with = KindFailed("kind could not", details="could not find a log line")
    world.logs = "Failed to create inotify object: Too many open files"
    with pytest.raises(PlatformError) as caught:
        up(tmp_path)
    assert "inotify" in caught.value.message
    assert str(tmp_path / "kind.log") in caught.value.hint
    assert world.logs in (tmp_path / "kind.log").read_text(encoding="utf-8")
    assert world.asked == ["create", "delete"]


def test_a_failure_that_nobody_knows_is_told_in_kinds_words(world, tmp_path):
    world.fails_with = KindFailed("kind could not", details="it was a Tuesday")
    with pytest.raises(PlatformError) as caught:
        up(tmp_path)
    assert caught.value.message == "kind could not"
    assert caught.value.details == "it was a Tuesday"


def test_ctrl_c_leaves_no_container(world, tmp_path):
    world.fails_with = KeyboardInterrupt()
    with pytest.raises(Interrupted):
        up(tmp_path)
    assert world.asked == ["create", "delete"]
    assert not read_record(tmp_path).is_whole


def test_what_cannot_be_deleted_after_a_failure_is_told(world, tmp_path, monkeypatch):
    world.fails_with = KindFailed("kind could not", details="x")

    def no(_kubeconfig):
        raise CommandError("docker is gone", details="a\nb")

    monkeypatch.setattr(world, "delete", no)
    progress = Heard()
    with pytest.raises(PlatformError):
        KindCluster(LAPTOP, tmp_path).ensure(progress)
    assert "what was half made could not be deleted (docker is gone: b)" in progress.said


def test_nothing_is_left_after_a_removal(world, whole):
    KindCluster(LAPTOP, whole).remove(Quiet())
    assert world.asked == ["delete"]
    assert list(whole.iterdir()) == []
    KindCluster(LAPTOP, whole).remove(Quiet())
    assert world.asked == ["delete"]
