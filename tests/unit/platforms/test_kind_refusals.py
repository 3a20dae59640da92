"""Why there is no cluster, in the words of Docker, kind, kubeadm and systemd, and in ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.platforms.kind.refusals import explain

CASES = Path(__file__).parents[2] / "cases" / "kind" / "refusals.yml"
SAID = YAML(typ="safe").load(CASES)


@pytest.mark.parametrize("case", SAID, ids=[case["heard"][:40] for case in SAID])
def test_a_refusal_is_told_with_a_way_out(case):
    told = explain(case["heard"], engine="docker", image="kindest/nod:v9")
    assert told is not None
    assert told[0] == case["meaning"]
    assert case["way_out"] in told[1]


def test_what_is_unknown_is_not_guessed():
    assert explain("exit status 1", engine="docker", image="a") is None


def test_what_any_node_logs_is_no_reason():
    logs = "dial tcp 172.18.0.2:6443: connect: no such host\nlisten: address already in use"
    assert explain("timed out", engine="docker", image="a", logs=logs) is None


def test_a_nodes_log_gives_a_reason_that_kind_does_not_see():
    logs = "kubelet is configured to not run on a host using cgroup v1"
    told = explain("timed out", engine="docker", image="a", logs=logs)
    assert told is not None
    assert "{kubelet: {failCgroupV1: false}}" in told[1]
