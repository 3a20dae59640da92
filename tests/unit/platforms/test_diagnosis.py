"""From facts to findings: a file per case, over the facts of a healthy Pi."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.platforms.pi.doctor.diagnosis import diagnose
from fogbed.platforms.pi.doctor.facts import NodeSurvey
from fogbed.platforms.pi.doctor.sources import list_sources
from fogbed.platforms.pi.doctor.wanted import list_wanted
from fogbed.platforms.pi.playbook import shared_defaults
from fogbed.spec import parse_testbed

CASES = Path(__file__).parents[2] / "cases" / "doctor"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: shelf
platform: pi
ssh: {user: fog, key: ~/.ssh/id_ed25519}
nodes:
  - {name: pi-0, address: 192.0.2.10, role: control-plane, tier: cloud}
  - {name: "pi-[1:2]", address: "192.0.2.[11:12]", tier: edge}
"""


def healthy(number):
    facts = json.loads((CASES / "healthy.json").read_text(encoding="utf-8"))
    link = {"interface": "eth0", "mac": f"aa:00:00:00:00:1{number}", "is_wifi": False}
    return facts | {
        "hostname": f"pi-{number}",
        "machine_id": f"id{number}",
        "host_keys": [f"key{number}"],
        "macs": [f"aa:00:00:00:00:1{number}"],
        "network": link | {"speed_mbit": 1000, "duplex": "full", "power_save": None},
    }


def survey(number, changes):
    node = f"pi-{number}"
    if "problem" in changes:
        return NodeSurvey(node=node, **changes)
    facts = {key: value for key, value in changes.items() if key != "clock"}
    offset = changes.get("clock", 0.01)
    return NodeSurvey(
        node=node, clock_offset_s=offset, clock_bound_s=0.02, facts=healthy(number) | facts
    )


def said(changes, more=""):
    testbed = parse_testbed(TESTBED + more, "testbed.yml")
    surveys = [survey(number, changes.get(f"pi-{number}", {})) for number in range(3)]
    return [f"{each.level} {each}" for each in diagnose(list_wanted(testbed), surveys)]


def read(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*.yml")))
def test_a_case_is_said_with_what_to_do(name):
    case = read(CASES / name)
    before = copy.deepcopy(case)
    assert said(case["facts"]) == case["says"]
    assert case == before


def test_healthy_nodes_have_nothing():
    assert said({}) == []


def test_what_a_testbed_accepts_does_not_block():
    more = "kubernetes: {ignore_preflight: [Mem, NumCPU], kubelet: {failCgroupV1: false}}\n"
    changes = {"pi-0": {"memory": 2**30, "cpus": 1, "cgroup": {"version": 1, "memory": True}}}
    assert [line.split()[0] for line in said(changes, more)] == ["warns", "warns"]


def test_sources_are_upstream_unless_named():
    sources = list_sources(parse_testbed(TESTBED, "testbed.yml"), shared_defaults())
    assert sources == {
        "apt kubernetes": "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release",
        "key kubernetes": "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key",
        "apt docker": "https://download.docker.com/linux/{os}/dists/{codename}/Release",
        "key docker": "https://download.docker.com/linux/{os}/gpg",
        "registry registry.k8s.io": "https://registry.k8s.io/v2/",
        "registry ghcr.io": "https://ghcr.io/v2/",
    }


def test_sources_of_a_lab():
    more = """\
kubernetes: {version: 1.35.4}
runtime: {docker: none}
sources:
  apt: {kubernetes: "http://m/k", debian: "http://m/debian", debian_security: "http://m/sec"}
  keys: {kubernetes: /etc/apt/keyrings/k8s.asc}
  registries: {"*": "m:5001", ghcr.io: "http://m:5000", docker.io: "http://m:5002"}
"""
    assert list_sources(parse_testbed(TESTBED + more, "testbed.yml"), shared_defaults()) == {
        "apt kubernetes": "http://m/k/v1.35/deb/Release",
        "key kubernetes": "/etc/apt/keyrings/k8s.asc",
        "apt debian": "http://m/debian/dists/{codename}/Release",
        "apt debian_security": "http://m/sec/dists/{codename}-security/Release",
        "registry registry.k8s.io": "https://m:5001/v2/",
        "registry ghcr.io": "http://m:5000/v2/",
        "registry docker.io": "http://m:5002/v2/",
    }
