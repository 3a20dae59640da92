"""What goes wrong on nodes, with a real kernel, systemd and SSH; the agent comes as to a user's.

Killed agents and controllers are in ``tests/netns/resident`` and ``tests/lab``.
"""

from __future__ import annotations

import contextlib
import re

import pytest

from fogbed.clients.channel import Channel
from fogbed.errors import NetworkError
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.agent_client import Agent
from fogbed.network.link import Shape

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

CONTROLLER = "ann@desk, fogbed experiment run (pid 1)"
DEVICE, OTHER_NAME = "eth1", "lan7"
NO_MODULE = "/etc/modprobe.d/fogbed-test.conf"


class Node:
    """vm1: its links to vm2 are asked for, over the device of their segment."""

    def __init__(self, guests):
        self._guests = guests

    def run(self, command, **how):
        return self._guests.run("vm1", command, **how)

    def session(self):
        prefix = ("ssh", "-F", self._guests.config, "vm1")
        return Agent(Channel("vm1", prefix, is_shell=True))

    def apply(self, delay_ms=40.0, **how):
        far = Peer("vm2", ("198.18.1.2/32",), (), Shape(delay_ms=delay_ms))
        row = Row("lab", "vm1", ("198.18.1.1/32",), (), (far,))
        with self.session() as session:
            return session.links_apply(row, controller=CONTROLLER, lease_s=None, **how)

    def shown(self):
        with self.session() as session:
            return session.links_show()

    def clear(self):
        with self.session() as session:
            session.links_clear(force=True)

    def qdiscs(self, device=DEVICE):
        return self.run(f"tc qdisc show dev {device}")

    def least_rtt_ms(self):
        told = self.run("ping -n -c 20 -i 0.05 -W 3 198.18.1.2")
        return float(re.search(r"rtt min/avg/max/mdev = ([\d.]+)/", told)[1])


@pytest.fixture
def node(guests):
    found = Node(guests)
    yield found
    found.clear()
    assert "netem" not in found.qdiscs()


@contextlib.contextmanager
def undone_by(node, command):
    try:
        yield
    finally:
        node.run(command)


def test_the_program_tc_is_not_needed(node):
    with undone_by(node, "mv /usr/sbin/tc.away /usr/sbin/tc"):
        node.run("mv /usr/sbin/tc /usr/sbin/tc.away; ! command -v tc")
        assert node.apply().backend == "tc"
        with node.session() as session:
            assert "tc" not in session.hello().tools
        assert node.apply(delay_ms=60.0).shapes == {"vm2": Shape(delay_ms=60.0)}
        assert node.least_rtt_ms() >= 60
    assert "delay 60ms" in node.qdiscs()


def test_without_the_module_netem_tc_is_refused_with_its_name_and_the_fabric_serves(node):
    with undone_by(node, f"rm -f {NO_MODULE}"):
        node.run(f"echo 'install sch_netem /bin/false' > {NO_MODULE}; modprobe -r sch_netem")
        with node.session() as session:
            assert session.hello().lacking["tc"].startswith("this kernel has no sch_netem")
        with pytest.raises(NetworkError) as refused:
            node.apply(backend="tc")
        assert "nothing here can shape links: tc: this kernel has no sch_netem" in str(
            refused.value
        )
        assert "htb" not in node.qdiscs()
        served = node.apply()
        assert (served.backend, served.shapes) == ("fabric", {"vm2": Shape(delay_ms=40.0)})
        assert node.least_rtt_ms() >= 40
        node.clear()
        # and where there is no TUN either, both reasons are given
        node.run(f"echo 'install tun /bin/false' >> {NO_MODULE}; modprobe -r tun")
        with pytest.raises(NetworkError) as refused:
            node.apply()
        assert re.search(
            r"tc: .*sch_netem.*; fabric: /dev/net/tun does not open", str(refused.value)
        )
    assert node.apply().backend == "tc"


def test_another_tools_qdisc_is_refused_by_name_and_stays(node):
    with undone_by(node, f"tc qdisc del dev {DEVICE} root"):
        node.run(f"tc qdisc add dev {DEVICE} root handle 7: netem delay 3ms")
        with pytest.raises(NetworkError) as refused:
            node.apply()
        assert (
            f"{DEVICE} has another tool's qdisc at its root: netem 7:; have that tool let go of "
            f"it, or remove it with `tc qdisc del dev {DEVICE} root`"
        ) in str(refused.value)
        node.clear()
        assert "qdisc netem 7: root" in node.qdiscs()
        assert node.shown().backend == ""
    assert node.apply().backend == "tc"


def test_a_device_that_is_renamed_keeps_what_is_in_force_and_can_be_changed(node):
    def rename(before, after):
        return (
            f"ip link set {before} down; ip link set {before} name {after}; ip link set {after} up"
        )

    node.apply()
    with undone_by(node, rename(OTHER_NAME, DEVICE)):
        node.run(rename(DEVICE, OTHER_NAME))
        shown = node.shown()
        assert (shown.backend, shown.shapes) == ("tc", {"vm2": Shape(delay_ms=40.0)})
        assert node.least_rtt_ms() >= 40
        assert node.apply(delay_ms=20.0).shapes == {"vm2": Shape(delay_ms=20.0)}
        assert node.qdiscs(OTHER_NAME).count("netem") == 1
        assert "delay 20ms" in node.qdiscs(OTHER_NAME)
        node.clear()
        assert "netem" not in node.qdiscs(OTHER_NAME)
        assert node.apply(delay_ms=30.0).backend == "tc"
    # renamed again, with what was put in force under the other name
    assert node.apply(delay_ms=50.0).shapes == {"vm2": Shape(delay_ms=50.0)}


@pytest.mark.parametrize("end", ["clear", "kill"])
def test_a_full_disk_keeps_nothing_from_being_applied_or_cleared(node, end):
    fill = "cat /dev/zero > /run/fogbed/filler 2>/dev/null; true"
    with undone_by(node, "umount /run/fogbed"):
        node.run(f"mkdir -pm 700 /run/fogbed; mount -t tmpfs -o size=64k none /run/fogbed; {fill}")
        served = node.apply()
        assert served.backend == "tc"
        # systemd needs files to start it from: its own guardian holds it, and it says so
        assert re.match(r"guardian \(systemd does not hold it: .*No space left", served.net)
        assert "delay 40ms" in node.qdiscs()
        if end == "clear":
            node.clear()
        else:
            # whichever of both dies, the other one clears
            node.run("kill -9 $(pgrep -f '[g]uardian:main' | tail -1)")
            deadline = 100
            node.run(
                f"for i in $(seq {deadline}); do tc qdisc show dev {DEVICE} | grep -q netem"
                " || exit 0; sleep 1; done; exit 1"
            )
        assert "netem" not in node.qdiscs()
    assert node.apply().net == "systemd"


def test_after_a_reboot_nothing_is_in_force_and_fogbed_says_so(node, lab):
    node.apply()
    assert node.shown().net == "systemd"
    lab.reboot("vm1")
    assert node.qdiscs().count("fogbed") == 0
    assert "netem" not in node.qdiscs()
    shown = node.shown()
    assert (shown.backend, shown.shapes, list(shown.left)) == ("", {}, [])
    with node.session() as session, pytest.raises(NetworkError) as gone:
        session.links_renew(controller=CONTROLLER)
    assert "nothing is in force here any more" in str(gone.value)
    assert "this node was started at" in str(gone.value)
    assert node.apply().net == "systemd"
    assert node.least_rtt_ms() >= 40
