"""The network buffers of TaskManagers in a cluster: asked of those that run, changed when other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError
from fogbed.plan.cluster import LINKS, facts_from
from fogbed.plan.flink_buffers import Buffers, LinkDemand, links_text
from fogbed.plan.manifests import plan_manifests
from fogbed.platforms.base import Endpoints
from fogbed.platforms.kubernetes import running
from fogbed.platforms.kubernetes.flink_there import links_asked_for
from fogbed.platforms.kubernetes.running import RunningCluster
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "farm",
        "platform": "kind",
        "nodes": [
            {"name": "cloud-1", "tier": "cloud", "role": "control-plane"},
            {"name": "fog-1", "tier": "fog"},
            {"name": "edge-1", "tier": "edge"},
        ],
    }
)
FAR = LinkDemand(
    rtt_ms=100.0,
    buffers=dict.fromkeys(("cloud-1", "fog-1", "edge-1"), Buffers(least=7, most=30)),
)


def applied(links: LinkDemand | None):
    return plan_manifests(BED, replace(facts_from(BED), links=links))


class Cluster(RunningCluster):
    """Has the Deployments of TaskManagers that an ``up`` has applied; ``resting`` have no pod."""

    kube = None
    _connection = None

    def __init__(self, links, resting=()):
        self.testbed, self.kube = BED, self
        self._objects = [dict(m.body) for m in applied(links) if m.component == "taskmanager"]
        for body in self._objects:
            if body["metadata"]["name"].removeprefix("taskmanager-") in resting:
                body["spec"] = {**body["spec"], "replicas": 0}

    def list(self, _version, _kind, namespace, labels):
        assert namespace == "fogbed-farm"
        assert labels["app.kubernetes.io/component"] == "taskmanager"
        return self._objects

    def endpoints(self):
        return Endpoints(flink="http://127.0.0.1:1")

    def _stack(self, asked):
        return Planned(asked)

    def _scheduler_wanted(self, _kube, _asked):
        return "default"


class Planned:
    def __init__(self, asked):
        self._asked = asked

    def manifests(self, scheduler):
        assert scheduler == "default"
        return applied(self._asked)


@pytest.fixture
def rolled(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = []
    monkeypatch.setattr(
        running, "roll_out", lambda _kube, manifests, _progress: done.append(manifests)
    )
    monkeypatch.setattr(running, "wait_until_registered", lambda *_: None)
    monkeypatch.setattr(RunningCluster, "_refuse_while_a_job_runs", lambda *_: None)
    return done


def test_what_was_asked_for_stands_beside_every_taskmanager():
    assert links_asked_for(Cluster(FAR), "farm") == [FAR] * 3
    assert links_asked_for(Cluster(None), "farm") == [None] * 3
    assert links_asked_for(Cluster(FAR, resting=["edge-1"]), "farm") == [FAR] * 2


def test_taskmanagers_start_again_with_other_buffers_and_one_that_rests_is_left_alone(rolled):
    told = Cluster(None, resting=["edge-1"]).use_links(FAR, Quiet())
    assert told.startswith("segments of 1m for an RTT of 100ms")
    (manifests,) = rolled
    assert [each.name for each in manifests] == ["taskmanager-cloud-1", "taskmanager-fog-1"]
    assert {each.body["metadata"]["annotations"][LINKS] for each in manifests} == {links_text(FAR)}


def test_taskmanagers_that_have_them_run_on(rolled):
    # other links, the same buffers
    assert Cluster(FAR).use_links(replace(FAR, rate_bps=480_000_000), Quiet())
    assert "do for" in Cluster(None).use_links(LinkDemand(), Quiet())
    assert rolled == []


def test_what_a_command_that_was_cut_off_left_half_done_is_finished(rolled):
    half = Cluster(FAR)
    half._objects[0] = Cluster(None)._objects[0]
    half.use_links(FAR, Quiet())
    assert len(rolled) == 1


def test_a_job_that_runs_forbids_it(rolled, monkeypatch):
    def refuse(_self, _there, why):
        raise PlatformError(why)

    monkeypatch.setattr(RunningCluster, "_refuse_while_a_job_runs", refuse)
    with pytest.raises(PlatformError, match=r"must start again \(other network buffers\)"):
        Cluster(None).use_links(FAR, Quiet())
    assert rolled == []
