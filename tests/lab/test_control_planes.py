"""Three control-plane nodes behind one address; the first of them is lost and replaced."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from fogbed import spec
from fogbed.cli import main
from fogbed.clients.kube import KubeClient
from fogbed.clients.progress import Quiet
from fogbed.platforms.pi.access import kubeconfig_of
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.requests import UpRequest
from tests.lab.listening import Listening

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]
# the cluster alone: what runs on it has tests of its own
MACHINES = UpRequest(parts=frozenset({"machines"}))

NUMBERS = (54, 55, 56)
# What a lab has in front of its control plane: connections go to the first node that answers.
BALANCER = """
import asyncio, sys

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    for address in sys.argv[1:]:
        try:
            there = await asyncio.wait_for(asyncio.open_connection(address, 6443), 2)
            break
        except (OSError, asyncio.TimeoutError):
            continue
    else:
        return writer.close()
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

async def work():
    server = await asyncio.start_server(serve, "198.18.2.1", 6443)
    await server.serve_forever()

asyncio.run(work())
"""


@pytest.fixture(scope="module")
def three(lab, note_time):
    machines = lab.fresh(*NUMBERS)
    file = lab.testbed("three", machines)
    text = file.read_text(encoding="utf-8")
    text = text.replace("role: worker, tier: edge", "role: control-plane, tier: cloud")
    text = text.replace(
        "  pod_cidr", '  endpoint: "198.18.2.1:6443"\n  encryption: ECDSA-P256\n  pod_cidr'
    )
    file.write_text(text, encoding="utf-8")
    addresses = [machine.address for machine in machines]
    with subprocess.Popen([sys.executable, "-c", BALANCER, *addresses]) as balancer:
        try:
            began = time.monotonic()
            PiPlatform(spec.load_testbed(file), file).up(MACHINES, Quiet())
            note_time("three control-plane nodes, from bare to Ready", time.monotonic() - began)
            yield file
        finally:
            balancer.terminate()


def states(file):
    with KubeClient(kubeconfig_of(spec.load_testbed(file))) as kube:
        etcd = [pod for pod in kube.pods(["kube-system"]) if pod.name == "etcd"]
        return [(node.name, node.is_ready) for node in kube.nodes()], [p.is_ready for p in etcd]


def changes(file):
    found = []
    listening = Listening(
        lambda event: found.append(event.task) if event.kind == "changed" else None
    )
    PiPlatform(spec.load_testbed(file), file).up(MACHINES, listening)
    return found


WHOLE = ([("pi-54", True), ("pi-55", True), ("pi-56", True)], [True] * 3)


def test_all_three_carry_the_cluster_and_a_second_run_changes_nothing(three):
    assert states(three) == WHOLE
    assert changes(three) == []


def test_the_first_of_them_is_lost_and_replaced(three, lab, note_time):
    lab.fresh(54)
    began = time.monotonic()
    words = ["node", "replace", "pi-54", "-t", str(three), "--new-host-key", "--yes"]
    assert main(words) == 0
    note_time("the first of three control-plane nodes replaced", time.monotonic() - began)
    assert states(three) == WHOLE
    assert changes(three) == []


def test_one_that_is_off_does_not_hold_up_the_others(three, lab, capsys):
    lab.remove(56)
    assert main(["up", "-t", str(three), "--limit", "pi-54,pi-55"]) == 0
    # every phase was gone through: a play that ends early ends well, too
    assert "Ready " in capsys.readouterr().err
    assert states(three)[0][:2] == [("pi-54", True), ("pi-55", True)]
