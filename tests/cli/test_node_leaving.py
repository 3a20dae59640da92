"""A node that leaves its cluster shapes nothing any more; the others keep what they have."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fogbed.cli import main
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.platforms.pi.platform import PiPlatform

THERE = Path(__file__).parents[1] / "unit" / "network" / "nodes" / "residents.py"
spec = importlib.util.spec_from_file_location("residents", THERE)
residents = importlib.util.module_from_spec(spec)
spec.loader.exec_module(residents)

NODES = ("pico-1", "pico-2")
REMOVE = ["node", "remove", "pico-2", "--yes"]
REPLACE = ["node", "replace", "pico-2", "--new-host-key", "--yes"]
TOLD = (
    "pico-2 shapes nothing any more; the other nodes keep what they have in force, until fogbed "
    "network apply or clear\n"
)
KEYSCAN = 'for last; do :; done; echo "$last ssh-ed25519 AAAA"'
KEYGEN = '[ "$1" != -l ] || echo "256 SHA256:abc x (ED25519)"'


@pytest.fixture
def lab(cluster, ssh_that, monkeypatch, tmp_path):
    """Two nodes of a cluster that is up, whose links have a delay."""
    assert cluster.versions
    ssh_that("exit 0")
    for name, script in (("ssh-keyscan", KEYSCAN), ("ssh-keygen", KEYGEN)):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o700)
    made = residents.Lab()
    made.residents = {name: residents.Resident(number) for number, name in enumerate(NODES)}
    monkeypatch.setattr(PiPlatform, "emulator_of", lambda _, nodes: emulator_of(made, nodes))
    kinds = (UNTOUCHED, Impairment(delay_ms=5.0))
    plan = NetworkPlan(NODES, kinds, np.array([[0, 1], [1, 0]], np.uint32), 7, 11)
    emulator_of(made, NODES).apply(plan, lease_s=None)
    return made


def emulator_of(lab, nodes):
    networks = {name: (f"10.244.{number}.0/24",) for number, name in enumerate(NODES)}
    return NodeEmulator(
        "pico", nodes, networks=lambda: networks, open_session=lab.open, controller="me"
    )


def shaping(lab):
    return {name for name, each in lab.residents.items() if each.row is not None}


@pytest.mark.parametrize("words", [REMOVE, REPLACE], ids=["remove", "replace"])
def test_a_node_that_goes_shapes_nothing_and_the_others_go_on(words, lab, playbooks, capsys):
    assert main(words) == 0
    assert shaping(lab) == {"pico-1"}
    assert TOLD in capsys.readouterr().err
    assert playbooks.names()[0][0] == "node-remove"


def test_where_nothing_is_in_force_nothing_is_said_of_it(lab, playbooks, capsys):
    emulator_of(lab, NODES).clear()
    assert main(REMOVE) == 0
    assert TOLD not in capsys.readouterr().err
    assert playbooks.ran


def test_a_node_that_cannot_be_asked_goes_all_the_same_and_it_is_told(lab, playbooks, capsys):
    lab.residents["pico-2"].silent = "sudo: a password is required"
    assert main(REMOVE) == 0
    said = capsys.readouterr().err
    assert "links of pico-2 could not be taken away (sudo: a password is required" in said
    assert TOLD not in said
    assert playbooks.ran


def test_a_silent_node_is_not_asked(lab, ssh_that, playbooks, capsys):
    ssh_that("exit 255")
    opened = len(lab.sessions)
    assert main(REMOVE) == 0
    assert len(lab.sessions) == opened
    assert "could not be taken away" not in capsys.readouterr().err
    assert playbooks.ran


def test_a_dry_run_ends_nothing(lab, playbooks):
    assert main([*REMOVE[:-1], "--dry-run"]) == 0
    assert shaping(lab) == set(NODES)
    assert not playbooks.ran
