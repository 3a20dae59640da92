"""`fogbed up` killed at twenty random moments: the same command goes on, to the same end.

Each of five fresh pairs of machines is killed four times on its way, each time by SIGKILL of the
controller's process, and then run to the end. Together the moments cover the whole run.
"""

from __future__ import annotations

import difflib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from fogbed import spec
from fogbed.clients.kube import KubeClient
from fogbed.clients.progress import Quiet
from fogbed.platforms.pi.access import kubeconfig_of
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.requests import UpRequest

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(5400)]
# the cluster alone: what runs on it has tests of its own
MACHINES = UpRequest(parts=frozenset({"machines"}))

ROUNDS, KILLS = 5, 4
# What must be the same however often a run was cut off. Certificates, keys and identities are new
# in every cluster.
END_STATE = """
dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'
apt-mark showhold
find /etc/apt /etc/containerd /etc/docker /etc/sysctl.d /etc/modules-load.d /etc/systemd/system \\
  /etc/hosts /etc/default/kubelet /etc/crictl.yaml /etc/kubernetes/manifests /etc/cni \\
  /var/lib/kubelet/config.yaml -type f ! -name key.json -print0 2>/dev/null \\
  | sort -z | xargs -0 md5sum
systemctl is-enabled containerd docker kubelet
ls /var/lib/fogbed /etc/kubernetes /etc/kubernetes/pki
"""
CONTROLLER = """\
import sys
from fogbed.cli import main
sys.exit(main(["up", "--only", "machines", "-t", sys.argv[1]]))
"""


def start(file):
    return subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, file],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end_state(machines, file):
    with KubeClient(kubeconfig_of(spec.load_testbed(file))) as kube:
        lines = [
            f"{n.name} {n.is_ready} {n.version} {sorted(n.labels.items())}" for n in kube.nodes()
        ]
    for machine in machines:
        lines += [f"{machine.name}: {line}" for line in machine.ssh(END_STATE).splitlines()]
    return lines


def changed_lines(told, before, after):
    lines = list(difflib.unified_diff(before, after, lineterm="", n=0))
    return [told, *lines] if lines else []


@pytest.fixture(scope="module")
def undisturbed(lab):
    machines = lab.fresh(47, 48)
    file = lab.testbed("killed", machines)
    began = time.monotonic()
    PiPlatform(spec.load_testbed(file)).up(MACHINES, Quiet())
    return time.monotonic() - began, end_state(machines, file)


def test_twenty_kills(lab, undisturbed, note_time):
    took_s, wanted = undisturbed
    note_time("two machines, undisturbed", took_s)
    differences = []
    dice = random.Random(7)  # noqa: S311 - moments, not secrets
    for number in range(ROUNDS):
        machines = lab.fresh(47, 48)
        file = lab.testbed("killed", machines)
        moments = []
        for part in range(KILLS):
            # what a run before has done is skipped: a moment within the part that is left
            moment = dice.uniform(0.05, 1.0) * took_s / (KILLS - part + 1) + 1
            with start(file) as controller:
                try:
                    controller.wait(timeout=moment)
                    moments.append("ended before")
                except subprocess.TimeoutExpired:
                    os.kill(controller.pid, signal.SIGKILL)
                    moments.append(f"{moment:.1f} s")
        began = time.monotonic()
        PiPlatform(spec.load_testbed(file)).up(MACHINES, Quiet())
        told = f"round {number + 1}: killed after {', '.join(moments)}; then to the end"
        note_time(told, time.monotonic() - began)
        differences += changed_lines(told, wanted, end_state(machines, file))
    assert not differences, "\n".join(differences)
