"""``fogbed render network``: scripts of tc that run, and what a fabric is asked for."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from fogbed.cli import main, render_network
from fogbed.errors import NetworkError
from fogbed.network.agent.rtnetlink import Device
from fogbed.network.agent_answers import NodeHello, NodeRoute
from fogbed.network.nodes.rows import place_of
from fogbed.network.nodes.running_places import running_places
from fogbed.plan.tc import Egress

GOLDEN = Path(__file__).parents[1] / "golden" / "network"
PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: some
links:
  - {between: [edge, cloud], delay: 5ms, jitter: 1ms}
  - {from: edge, to: cloud, rate: 20mbit}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: changes
testbed: testbed.yml
profile: profile.yml
workload: {job: nearest-landmark, rides: nyc-sample, landmarks: nyc-famous, replay: {rate: 10/s}}
phases: {warmup: 0s, measure: 60s, cooldown: 0s}
scenario:
  - {at: 10s, do: network, links: [{from: edge, to: cloud, delay: 50ms, rate: 10mbit}]}
  - {at: 20s, do: network, restore: true}
"""
LAPTOP = """\
apiVersion: fogbed/v1
kind: Testbed
name: small
platform: local
nodes: [{name: c, tier: cloud, role: control-plane}, {name: e, tier: edge}]
"""


@pytest.fixture
def pis(pico):
    pico.with_name("profile.yml").write_text(PROFILE, encoding="utf-8")
    pico.with_name("experiment.yml").write_text(EXPERIMENT, encoding="utf-8")
    return pico


@pytest.fixture
def tc(tmp_path, monkeypatch):
    """A program in the place of tc, and what it was told."""
    told = tmp_path / "told"
    program = tmp_path / "bin" / "tc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>{told}; cat >>{told}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return told


def rendered(capsys, *words):
    assert main(["render", "network", *words]) == 0
    return capsys.readouterr().out


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def run(script, *words, **env):
    return subprocess.run(
        ["sh", script, *words],
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.usefixtures("pis")
def test_a_script_of_every_state_is_the_same_bytes_each_time(capsys):
    words = ["-e", "experiment.yml", "--node", "pico-1"]
    text = rendered(capsys, *words)
    assert text == rendered(capsys, *words)
    assert text == (GOLDEN / "pico-1.sh").read_text(encoding="utf-8")


@pytest.mark.usefixtures("pis")
def test_a_script_tells_tc_a_state_and_the_changes_to_the_next(tc):
    assert main(["render", "network", "-e", "experiment.yml", "-o", "scripts"]) == 0
    assert names_in("scripts") == [f"pico-{number}.sh" for number in range(4)]
    assert run("scripts/pico-1.sh", "1").returncode == 0
    first = tc.read_text().splitlines()
    assert first[:2] == [
        "-batch -",
        "qdisc add dev flannel.1 root handle f06b: htb direct_qlen 1000",
    ]
    assert any("match ip dst 10.244.0.0/24 flowid f06b:1" in line for line in first)
    tc.unlink()
    assert run("scripts/pico-1.sh", "2", DEVICE="eth7").returncode == 0
    assert [line.split(" htb")[0].split(" netem")[0] for line in tc.read_text().splitlines()] == [
        "-batch -",
        "class change dev eth7 classid f06b:1",
        "qdisc change dev eth7 parent f06b:1 handle 4001:",
    ]
    tc.unlink()
    assert run("scripts/pico-1.sh", "clear").returncode == 0
    assert tc.read_text().splitlines()[1:] == ["qdisc delete dev flannel.1 root handle f06b:"]
    tc.unlink()
    # what changes is on its way out of pico-1, not of pico-0
    assert run("scripts/pico-0.sh", "2").returncode == 0
    lost = run("scripts/pico-0.sh")
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "#   2      at 10s: network: edge -> cloud delay 50ms, rate 10mbit" in lost.stderr
    assert not tc.exists()


def test_a_laptop_s_links_are_told_in_words(fresh_home, monkeypatch, capsys):
    for name, text in (("testbed.yml", LAPTOP), ("profile.yml", PROFILE)):
        (fresh_home / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(fresh_home)
    text = rendered(capsys, "--profile", "profile.yml", "--node", "e")
    assert text == (GOLDEN / "e.txt").read_text(encoding="utf-8")
    assert main(["render", "network", "--profile", "profile.yml", "--running"]) == 2
    assert "is shaped by the fabric: nothing is to be asked of it" in capsys.readouterr().err


def test_nodes_whose_testbed_wants_the_fabric_have_no_tc(pis, capsys):
    with pis.open("a", encoding="utf-8") as file:
        file.write("network: {emulator: fabric}\n")
    assert main(["render", "network", "--profile", "profile.yml", "-o", "texts"]) == 0
    text = pis.with_name("texts").joinpath("pico-1.txt").read_text(encoding="utf-8")
    assert "the TUN device fogbed0" in text
    assert "to pico-0: delay 5ms, jitter 1ms, rate 20mbit\n" in text
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("pis")
def test_json_has_links_and_commands_of_each_state(capsys):
    said = json.loads(rendered(capsys, "-e", "experiment.yml", "--json"))
    assert said["testbed"] == "pico"
    one = next(each for each in said["nodes"] if each["node"] == "pico-1")
    assert [each["title"] for each in one["stages"]] == [
        "before it runs: profile some",
        "at 10s: network: edge -> cloud delay 50ms, rate 10mbit",
        "at 20s: network back to the profile",
    ]
    assert one["emulator"] == "tc"
    assert one["stages"][1]["links"][0]["delay_ms"] == 50
    assert len(one["stages"][1]["commands"]) == 2


def test_a_folder_is_compared_and_one_node_s_file_leaves_the_others(pis, capsys):
    words = ["render", "network", "--profile", "profile.yml", "-o", "scripts"]
    folder = pis.with_name("scripts")
    assert main([*words, "--check"]) == 2
    assert "fogbed render network -o FOLDER writes one" in capsys.readouterr().err
    assert main(words) == 0
    for own in ("mine.sh", "empty.txt"):
        (folder / own).write_text("true\n" if own == "mine.sh" else "", encoding="utf-8")
    assert main([*words, "--check"]) == 0
    changed = pis.with_name("profile.yml")
    changed.write_text(PROFILE.replace("20mbit", "30mbit"), encoding="utf-8")
    assert main([*words, "--node", "pico-2"]) == 0
    assert main([*words, "--node", "pico-2", "--check"]) == 0
    capsys.readouterr()
    assert main([*words, "--check"]) == 1
    assert "is not as the testbed says: pico-1.sh, pico-3.sh" in capsys.readouterr().err
    changed.write_text(PROFILE, encoding="utf-8")
    four = pis.read_text(encoding="utf-8")
    pis.write_text(four.replace("[1:3]", "[1:2]").replace("[11:13]", "[11:12]"), encoding="utf-8")
    assert main(words) == 0
    assert names_in(folder) == [
        "empty.txt", "mine.sh", "pico-0.sh", "pico-1.sh", "pico-2.sh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "neither a profile nor an experiment is named"),
        (["--profile", "profile.yml", "--node", "pico-9"], "testbed pico has no node pico-9"),
        (["--profile", "profile.yml", "--json", "-o", "x"], "goes with neither --output"),
        (["--profile", "nowhere"], "there is no file and no shipped profile called nowhere"),
    ],
)
@pytest.mark.usefixtures("pis")
def test_what_cannot_be_rendered_is_said(words, why, capsys):
    assert main(["render", "network", *words]) == 2
    assert why in capsys.readouterr().err


def test_a_cluster_that_is_there_has_to_be_asked(pis, capsys):
    text = pis.read_text(encoding="utf-8").partition("nodes:")[2].partition("kubernetes:")[0]
    nodes = text.replace(", address: 127.9.9.10", "").replace(", address: 127.9.9.[11:13]", "")
    nodes = nodes.replace(", role: control-plane", "")
    head = "apiVersion: fogbed/v1\nkind: Testbed\nname: pico\nplatform: kubernetes\ncontext: x\n"
    pis.write_text(f"{head}nodes:{nodes}", encoding="utf-8")
    assert main(["render", "network", "--profile", "profile.yml"]) == 2
    assert capsys.readouterr().err == (
        "error: which networks pods of testbed pico have is known to its cluster alone\n"
        "hint: fogbed render network --running asks it\n"
    )


def hello(*, device, routes, addresses, lacking=""):
    return NodeHello(
        kernel="6.1",
        machine="x86_64",
        python="3.11",
        uid=0,
        net_admin=True,
        systemd="",
        devices=[device],
        addresses=addresses,
        routes=routes,
        qdiscs=(),
        tools={},
        lacking={"tc": lacking, "fabric": ""},
        cleared=None,
    )


NIC = Device(index=2, name="ens3", kind="", mtu=1400, hardware=1, up=True, master=0, peer=0)


def running(number, **members):
    """A node of two whose pods' networks are routed to each other's NIC."""
    other = 1 - number
    routes = [
        NodeRoute(target="0.0.0.0/0", via="192.0.2.254", device="wlan0"),
        NodeRoute(target=f"10.9.{other}.0/24", via=f"192.0.2.{other}", device="ens3"),
    ]
    addresses = [f"192.0.2.{number}/25", f"10.9.{number}.1/32", "127.0.0.1/8"]
    return hello(device=NIC, routes=routes, addresses=addresses, **members)


def test_a_running_testbed_s_places_are_its_own():
    facts = {"a": running(0), "b": running(1)}
    places = {
        name: place_of([f"10.9.{number}.0/24"], each.addresses)
        for number, (name, each) in enumerate(facts.items())
    }
    found = running_places(["a", "b"], places, facts)
    assert found.egresses == [Egress("ens3", 1400, 14)] * 2
    assert [each.networks for each in found.nodes] == [("10.9.0.0/24",), ("10.9.1.0/24",)]
    # what a node sends from its NIC's address is its own
    assert [each.hosts for each in found.nodes] == [
        ("10.9.0.1", "192.0.2.0"),
        ("10.9.1.1", "192.0.2.1"),
    ]
    lost = {**facts, "a": replace(facts["a"], routes=())}
    with pytest.raises(NetworkError, match=r"a has no route to 10\.9\.1\.0/24"):
        running_places(["a", "b"], places, lost)


class Running:
    """In the place of an emulator of nodes: what its nodes said of themselves."""

    lease_s = 60.0

    def __init__(self, facts, places):
        self.known = self
        self._facts, self._places = facts, places

    def facts(self):
        return self._facts

    def places(self):
        return self._places

    def close(self):
        """Have nothing to end."""


def test_each_node_of_a_running_testbed_by_what_serves_there(pis, monkeypatch, capsys):
    text = pis.read_text(encoding="utf-8")
    pis.write_text(text.replace("[1:3]", "1").replace("[11:13]", "11"), encoding="utf-8")
    facts = {"pico-0": running(0), "pico-1": running(1, lacking="no netem")}
    places = {
        name: place_of([f"10.9.{number}.0/24"], each.addresses)
        for number, (name, each) in enumerate(facts.items())
    }
    monkeypatch.setattr(render_network, "NodeEmulator", Running)
    monkeypatch.setattr(
        render_network.platforms,
        "open_platform",
        lambda _bed: type("Bed", (), {"emulator": lambda _: Running(facts, places)})(),
        raising=False,
    )
    monkeypatch.setattr(render_network, "closing", nullcontext)
    assert main(["render", "network", "--profile", "profile.yml", "--running", "-o", "x"]) == 0
    capsys.readouterr()
    assert names_in("x") == ["pico-0.sh", "pico-1.txt"]
    script = Path("x/pico-0.sh").read_text(encoding="utf-8")
    assert "# Devices and networks are those of the running testbed.\nset -eu\ncase" in script
    assert "match ip dst 10.9.1.0/24 flowid f06b:2" in script
    assert "dev ens3 " in script
    assert "ASSUMED" not in script
