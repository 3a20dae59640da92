"""Inventories: byte for byte as they were, and read by Ansible's YAML as they were meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fogbed import spec
from fogbed.plan.inventory import GROUPS, plan_inventory, render_inventory
from fogbed.platforms.pi.playbook import shared_defaults
from fogbed.spec.checks_testbed import GROUPS as RESERVED
from fogbed.spec.testbed import Testbed

TESTS = Path(__file__).parents[2]
SOUND = TESTS / "cases" / "spec" / "sound"
GOLDEN = TESTS / "golden" / "inventory"
# The roles' own values change with every release; what an inventory makes of them does not.
DEFAULTS = {
    "fogbed_etcd_args": {"heartbeat-interval": "250", "election-timeout": "1250"},
    "fogbed_apt": {"debian": "", "debian_security": "", "kubernetes": "https://k", "docker": "d"},
    "fogbed_keys": {"kubernetes": "", "docker": ""},
}


@pytest.mark.parametrize("name", ["design-testbed", "every-cluster-key"])
def test_an_inventory_is_as_it_was(name):
    testbed = spec.load_testbed(SOUND / f"{name}.yml")
    golden = (GOLDEN / f"{name}.yml").read_text(encoding="utf-8")
    assert render_inventory(testbed, DEFAULTS) == golden


def test_the_roles_have_every_default_that_an_inventory_builds_on():
    roles = shared_defaults()
    assert {key: set(value) for key, value in DEFAULTS.items()} == {
        key: set(roles[key]) for key in DEFAULTS
    }
    testbed = spec.load_testbed(SOUND / "every-cluster-key.yml")
    told = plan_inventory(testbed, roles)["all"]["vars"]
    known = {key for key in told if key.startswith("fogbed_")}
    assert known <= set(roles), "a variable that no role knows"


# What YAML 1.1, which Ansible reads, takes for something else than text.
TRAPS = ["yes", "No", "off", "012", "1_000", "0b1", "12:30", "1e3", "null", "2026-01-01", "0x1F"]
LABELS = st.sampled_from(TRAPS[:5]) | st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True)
TEXTS = (
    st.sampled_from([*TRAPS, "=", "<<", "~", "", "- a", "a: b", "#", "{{ x }}"])
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.builds(str.__mul__, st.text(st.characters(codec="utf-8"), max_size=3), st.just(200))
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**40), 2**40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def beds(draw: st.DrawFn) -> Testbed:
    count = draw(st.integers(0, 4))
    nodes = [
        {
            "name": f"n-{number}",
            "address": f"10.0.0.{number + 1}",
            "role": "worker" if number else "control-plane",
            "tier": draw(st.sampled_from(["cloud", "fog", "edge"])),
            "taskmanager": number == 0 or draw(st.booleans()),
            "labels": draw(st.dictionaries(LABELS, LABELS, max_size=3)),
        }
        for number in range(count + 1)
    ]
    user, key = draw(TEXTS.filter(bool)), "~/.ssh/" + draw(TEXTS)
    kubernetes = {
        "version": draw(st.sampled_from(["1.36", "1.36.10", "1.100"])),
        "kubelet": draw(st.dictionaries(TEXTS, VALUES, max_size=3)),
        "kube_proxy": draw(st.dictionaries(TEXTS, VALUES, max_size=3)),
        "etcd": draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
    }
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": draw(st.sampled_from(["pico", "yes", "007", "1e5"])),
            "platform": "pi",
            "ssh": {"user": user, "key": key, "known_hosts": key},
            "nodes": nodes,
            "kubernetes": kubernetes,
        }
    )


@pytest.mark.parametrize("break_", ["\x85", "\u2028", "\u2029"])
def test_a_unicode_line_break_stays_one(break_):
    plain = spec.load_testbed(SOUND / "design-testbed.yml")
    ssh = plain.ssh.model_copy(update={"key": f"/keys/a{break_}b"})
    testbed = plain.model_copy(update={"ssh": ssh})
    assert yaml.safe_load(render_inventory(testbed, DEFAULTS)) == plan_inventory(testbed, DEFAULTS)
    assert YAML(typ="safe", pure=True).load(spec.dump_yaml(testbed))["ssh"]["key"] == ssh.key


@given(testbed=beds())
def test_any_testbed_is_read_by_ansible_as_it_was_meant(testbed):
    text, meant = render_inventory(testbed, DEFAULTS), plan_inventory(testbed, DEFAULTS)
    # PyYAML reads with libyaml where it was built with it, and so does Ansible
    assert [yaml.safe_load(text), yaml.load(text, yaml.CSafeLoader)] == [meant, meant]
    assert YAML(typ="safe", pure=True).load(text) == meant
    assert render_inventory(testbed.model_copy(deep=True), DEFAULTS) == text


def test_no_node_is_called_as_what_ansible_knows_already():
    # RFC 1123 keeps a node from any other name of a group
    groups = {name for name in GROUPS.values() if "_" not in name}
    assert {*groups, "all", "ungrouped", "localhost"} <= RESERVED
