"""What kubeadm prints, and drift, as filters of the playbooks."""

from __future__ import annotations

import json

import pytest
from plugins import load

config = load("filter_plugins/kubeadm_config.py")
HASH = "sha256:" + "ab" * 32


def test_join_values():
    told = "kubeadm join 198.18.2.11:6443 --token abcdef.0123456789abcdef"
    printed = f"{told} --discovery-token-ca-cert-hash {HASH} \n"
    assert config.join_values(printed) == {
        "endpoint": "198.18.2.11:6443",
        "token": "abcdef.0123456789abcdef",
        "hash": HASH,
    }


def test_join_values_of_something_else_do_not_repeat_it():
    with pytest.raises(ValueError, match=r"^kubeadm token create printed no join command$"):
        config.join_values("secret")


def test_certificate_key():
    key = "0f" * 32
    printed = (
        f"[upload-certs] Storing the certificates\n[upload-certs] Using certificate key:\n{key}\n"
    )
    assert config.certificate_key(printed) == key
    with pytest.raises(ValueError, match="printed no key"):
        config.certificate_key("nothing")


CLUSTER = {
    "kubernetesVersion": "v1.36.3",
    "controlPlaneEndpoint": "198.18.2.11:6443",
    "networking": {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/12"},
    "etcd": {"local": {"extraArgs": [{"name": "heartbeat-interval", "value": "250"}]}},
}


def test_no_drift_in_what_was_applied_and_none_by_the_version():
    applied = json.dumps(CLUSTER | {"kubernetesVersion": "v1.35.0"})
    assert config.drift(applied, CLUSTER) == {"fixed": [], "other": []}


def test_drift_is_told_with_both_values():
    wanted = json.loads(json.dumps(CLUSTER))
    wanted["networking"]["podSubnet"] = "10.0.0.0/16"
    wanted["imageRepository"] = "mirror.lab"
    assert config.drift(json.dumps(CLUSTER), wanted) == {
        "fixed": ["networking.podSubnet: 10.244.0.0/16 -> 10.0.0.0/16"],
        "other": ["imageRepository: None -> mirror.lab"],
    }


def test_arguments_are_a_sorted_list_of_texts():
    assert config.name_values({"b": 2, "a": True}) == [
        {"name": "a", "value": "True"},
        {"name": "b", "value": "2"},
    ]


def answer(name, **more):
    state = {
        "item": name,
        "whole": False,
        "answers": False,
        "records": {},
        "traces": [],
        "nodes": {},
    }
    return state | {"cluster": "", "ca": ""} | more


def test_nobody_speaks_for_a_cluster_that_is_not_there():
    facts = config.cluster_facts([answer("pi-1")])
    assert (facts["seed"], facts["silent"], facts["foreign"], facts["cluster"]) == ("", [], [], {})


def test_a_new_first_node_does_not_speak_for_the_cluster_of_the_others():
    speaks = answer(
        "pi-2",
        whole=True,
        answers=True,
        records={"whole": "lab"},
        cluster="kubernetesVersion: v1.36.3\n",
    )
    facts = config.cluster_facts([answer("pi-1"), speaks])
    assert facts["seed"] == "pi-2"
    assert facts["cluster"] == {"kubernetesVersion": "v1.36.3"}


def test_a_node_that_knows_what_the_cluster_was_given_speaks_first():
    new = answer("pi-1", whole=True, answers=True, records={"whole": "lab"})
    old = answer("pi-2", whole=True, answers=True, records={"whole": "lab", "cluster": "{}"})
    assert config.cluster_facts([new, old])["seed"] == "pi-2"


def test_where_nobody_knows_what_was_applied_nothing_differs():
    assert config.drift("", CLUSTER) == {"fixed": [], "other": []}


def test_a_cluster_that_worked_and_is_silent_is_not_taken_for_a_start_that_was_cut_off():
    cut_off = answer("pi-1", traces=["/etc/kubernetes/admin.conf"], records={"cluster": "{}"})
    assert config.cluster_facts([cut_off])["silent"] == []
    silent = answer("pi-1", traces=["/etc/kubernetes/admin.conf"], records={"whole": "lab"})
    assert config.cluster_facts([silent])["silent"] == ["pi-1"]
    gone = {"item": "pi-1", "unreachable": True}
    assert config.cluster_facts([gone])["silent"] == ["pi-1"]


def test_traces_without_our_records_are_somebody_elses():
    assert config.cluster_facts([answer("pi-1", traces=["/etc/kubernetes/admin.conf"])])[
        "foreign"
    ] == ["pi-1"]
