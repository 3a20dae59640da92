"""Where a cluster's nodes are in its network, and what is said of what shapes their links."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.channel import Channel
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Quiet
from fogbed.errors import NetworkError, PlatformError
from fogbed.network.agent_answers import LinksShown
from fogbed.network.no_emulation import NoEmulation
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.network.nodes.sessions import Answers
from fogbed.network.nodes.survey import Serving
from fogbed.platforms.base import NodeStatus, TestbedStatus
from fogbed.platforms.kubernetes import shaping
from fogbed.platforms.kubernetes.pod_networks import pod_networks, unshaped_ipv6
from fogbed.platforms.kubernetes.reached import ReachedNodes
from fogbed.spec.testbed import Testbed

HOSTS = {"cloud-1": "host-a", "fog-1": "host-b"}
CALICO = "fog-1: its pods have addresses like 10.9.7.3, which are not in its podCIDR 10.244.1.0/24"
PODS = {"cloud-1": "10.244.0.7", "fog-1": "10.244.1.7"}


def bed(**more):
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "farm",
            "platform": "kubernetes",
            "nodes": [{"name": "host-a", "tier": "cloud"}, {"name": "host-b", "tier": "fog"}],
            **more,
        }
    )


def nodes(a=("10.244.0.0/24",), b=("10.244.1.0/24",)):
    return {"host-a": {"spec": {"podCIDRs": list(a)}}, "host-b": {"spec": {"podCIDRs": list(b)}}}


def test_pods_of_a_node_are_in_its_pod_cidr_of_ipv4():
    both = nodes(a=("fd00:0:0:1::/64", "10.244.0.0/24"))
    found = pod_networks(both, HOSTS, PODS)
    assert found == {"cloud-1": ("10.244.0.0/24",), "fog-1": ("10.244.1.0/24",)}
    old = {"host-a": {"spec": {"podCIDR": "10.244.0.0/24"}}, "host-b": nodes()["host-b"]}
    assert pod_networks(old, HOSTS, PODS) == found


def test_ipv6_beside_ipv4_is_told_to_pass_unshaped():
    both = nodes(a=("fd00:0:0:1::/64", "10.244.0.0/24"), b=("10.244.1.0/24", "fd00:0:0:2::/64"))
    assert unshaped_ipv6(both, HOSTS) == (
        "pods have IPv6 too (cloud-1: fd00:0:0:1::/64, fog-1: fd00:0:0:2::/64), and what they send "
        "each other by it is not shaped; Flink and fogbed's probes use IPv4"
    )
    assert unshaped_ipv6(nodes(), HOSTS) == ""
    many = {f"h{n}": {"spec": {"podCIDRs": [f"fd00:{n}::/64"]}} for n in range(9)}
    assert "n1: fd00:1::/64 and 7 more)" in unshaped_ipv6(
        many, {f"n{n}": f"h{n}" for n in range(9)}
    )


@pytest.mark.parametrize(
    ("there", "pods", "told"),
    [
        (nodes(a=()), PODS, "cloud-1: the API server knows no IPv4 podCIDR of it"),
        (nodes(a=("fd00::/64",)), PODS, "cloud-1: the API server knows no IPv4 podCIDR of it"),
        (
            nodes(),
            PODS | {"fog-1": "10.9.7.3"},
            CALICO,
        ),
        (
            nodes(a=("10.244.0.0/16",)),
            PODS,
            "cloud-1 and fog-1: both have pods in 10.244.1.0/24",
        ),
    ],
    ids=["none", "ipv6", "calico", "overlap"],
)
def test_a_network_that_does_not_tell_nodes_apart_cannot_be_shaped(there, pods, told):
    with pytest.raises(PlatformError, match="cannot be shaped") as refused:
        pod_networks(there, HOSTS, pods)
    assert told in refused.value.details.splitlines()
    assert "profiles/none.yml" in refused.value.hint


def test_every_node_that_is_wrong_is_told_at_once():
    with pytest.raises(PlatformError) as refused:
        pod_networks(nodes(a=(), b=()), HOSTS, PODS)
    assert [line.split(":")[0] for line in refused.value.details.splitlines()] == list(HOSTS)


@given(st.permutations(range(8)), st.integers(1, 8))
def test_networks_side_by_side_never_overlap(numbers, count):
    hosts = {f"n{i}": f"h{i}" for i in range(count)}
    there = {f"h{i}": {"spec": {"podCIDR": f"10.1.{numbers[i]}.0/24"}} for i in range(count)}
    pods = {f"n{i}": f"10.1.{numbers[i]}.9" for i in range(count)}
    found = pod_networks(there, hosts, pods)
    assert [each for (each,) in found.values()] == [s["spec"]["podCIDR"] for s in there.values()]


def serving(backend="", able="tc", **lacking):
    return Serving(
        backend=backend, able=able, lacking={"tc": "", "fabric": ""} | lacking, kernel="6.1"
    )


class Surveyed(NodeEmulator):
    """What was found on nodes, and which could not be asked."""

    def __init__(self, given, failed):
        self._found = Answers(given, failed)
        self.is_closed = False

    def survey(self):
        return self._found

    def give_back(self):
        return self._found.failed

    def close(self):
        self.is_closed = True


def test_a_check_for_each_node_says_what_serves_or_why_nothing_does():
    given = {
        "cloud-1": serving(),
        "fog-1": serving(able="fabric", tc="no netem"),
        "edge-1": serving(able="", tc="no netem", fabric="EPERM"),
    }
    away = NetworkError("no way there", details="sudo: a password is required", hint="do this")
    emulator = Surveyed(given, {"edge-2": away})
    checks = shaping.check_emulators(emulator)
    assert emulator.is_closed
    assert [(each.ok, each.blocks) for each in checks] == [
        (True, False), (True, False), (False, False), (False, False)
    ]  # fmt: skip
    told = [each.found for each in checks]
    assert told[0] == "cloud-1: tc (netem, in the kernel), kernel 6.1"
    assert told[1].startswith("fog-1: the node fabric (in user space), kernel 6.1; no tc: no netem")
    assert told[2] == "edge-1: nothing there can shape its links: no tc: no netem; no fabric: EPERM"
    assert "linux-modules-extra-$(uname -r)" in checks[2].fix
    assert "kernel-modules-extra-$(uname -r)" in checks[2].fix
    assert "sudo: a password is required" in told[3]


def status():
    some = [NodeStatus(name=n, tier="fog", address=None, state="up") for n in ("a", "b", "c", "d")]
    return TestbedStatus(name="farm", platform="kubernetes", state="up", nodes=some)


def test_status_says_of_each_node_what_shapes_it_or_could():
    given = {"a": serving(backend="fabric"), "b": serving(), "c": serving(able="")}
    emulator = Surveyed(given, {"d": NetworkError("no shaper runs on d", hint="fogbed up")})
    found = shaping.with_emulation(status(), emulator)
    assert [n.emulation for n in found.nodes] == ["fabric, in force", "tc", "none can", "unknown"]
    assert found.problems == [
        "what shapes the links of d is unknown: no shaper runs on d: fogbed up"
    ]
    assert shaping.with_emulation(status(), NoEmulation(("a",))) == status()


class Noting(Quiet):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_a_node_that_cannot_be_cleared_stops_no_down():
    emulator, progress = Surveyed({}, {"fog-1": NetworkError("no way there")}), Noting()
    shaping.give_back(emulator, progress)
    assert emulator.is_closed
    (note,) = progress.notes
    assert "links of fog-1 could not be taken away (no way there)" in note


class Pods:
    """An API server that knows pods, and counts how often it is asked."""

    def __init__(self, **pods):
        self.pods = pods
        self.asked = 0

    def list(self, _version, kind, namespace, labels):
        assert (kind, namespace) == ("Pod", "fogbed-farm-agent")
        self.asked += 1
        kind = labels["app.kubernetes.io/component"]
        return [
            {
                "metadata": {"name": f"{kind}-{host}"},
                "spec": {"nodeName": host.replace("_", "-")},
                "status": {"phase": phase, "podIP": "10.244.0.7"},
            }
            for host, phase in self.pods.items()
        ]


ACCESS = KubeAccess(kubeconfig=Path("/nowhere"))


def test_the_way_to_a_nodes_own_network_is_its_shapers_pod():
    kube = Pods(host_a="Running", host_b="Pending")
    hosts = {"host-a": "host-a", "host-b": "host-b"}
    shapers = shaping.Shapers(kube, ACCESS, bed(), hosts)
    channel = shapers.channel("host-a")
    assert channel.prefix[-2:] == ("shaper-host_a", "--")
    assert channel.node == "host-a"
    with pytest.raises(PlatformError, match="no shaper runs on host-b"):
        shapers.channel("host-b")
    # many sessions are opened at once
    assert kube.asked == 1


def test_down_asks_only_nodes_that_have_shapers(monkeypatch):
    opened = []

    class Gone:
        is_open = False

        def __init__(self, channel: Channel) -> None:
            opened.append(channel.node)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def links_show(self):
            return LinksShown()

        def links_clear(self, **_):
            raise NetworkError("it ended")

    monkeypatch.setattr(shaping, "Agent", Gone)
    progress = Noting()
    shaping.end_shaping(Pods(host_a="Running", host_b="Failed"), ACCESS, bed(), progress)
    assert set(opened) == {"host-a"}
    assert len(progress.notes) == 1
    shaping.end_shaping(Pods(), ACCESS, bed(), Noting())


def test_a_testbed_that_turns_emulation_off_has_none():
    made = ReachedNodes(bed(network={"emulator": "none"}))
    assert isinstance(made.emulator(), NoEmulation)
    assert made.emulator().show().nodes == ("host-a", "host-b")


def test_the_controller_is_told_by_user_host_command_and_process(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/fogbed", "experiment", "run", "secret.yml"])
    told = shaping.this_controller()
    assert ", fogbed experiment run, process " in told
    assert "secret" not in told
