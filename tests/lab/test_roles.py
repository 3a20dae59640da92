"""The roles up to the Kubernetes packages on one bare machine: twice, rehearsed, and given back."""

from __future__ import annotations

import time

import pytest

from fogbed import spec
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.requests import DownRequest, UpRequest
from tests.lab.listening import Listening

pytestmark = [pytest.mark.machine, pytest.mark.slow, pytest.mark.timeout(900)]

PARTS = UpRequest(tags=("preflight", "hosts", "runtime"))
REHEARSAL = UpRequest(tags=PARTS.tags, rehearse=True)


@pytest.fixture(scope="module")
def run(note_time):
    def make(bed, request, what):
        """Run site.yml and return which tasks changed something."""
        changes = []

        def watch(event):
            if event.kind == "changed":
                changes.append(f"{event.host}: {event.task}")

        began = time.monotonic()
        PiPlatform(bed).up(request, Listening(watch))
        note_time(f"one machine, up to the Kubernetes packages: {what}", time.monotonic() - began)
        return changes

    return make


@pytest.fixture(scope="module")
def one(lab, run):
    (machine,) = lab.fresh(40)
    bed = spec.load_testbed(lab.testbed("roles", [machine]))
    assert run(bed, PARTS, "first run"), "nothing was changed on a bare machine"
    return bed, machine


def test_a_second_run_changes_nothing(one, run):
    assert run(one[0], PARTS, "second run") == []


def test_a_rehearsal_on_a_finished_machine_finds_nothing_to_change(one, run):
    assert run(one[0], REHEARSAL, "rehearsal of a finished one") == []


def test_a_rehearsal_on_a_bare_machine_changes_nothing(lab, run, snapshot):
    (machine,) = lab.fresh(41)
    before = snapshot(machine)
    bed = spec.load_testbed(lab.testbed("rehearsed", [machine]))
    assert run(bed, REHEARSAL, "rehearsal of a bare one")
    assert snapshot(machine) == before


def test_the_runtime_is_what_kubernetes_needs(one):
    machine = one[1]
    effective = machine.ssh("containerd config dump")
    assert "SystemdCgroup = true" in effective
    assert "restrict_oom_score_adj = true" in effective
    assert "/pause:3.10.2" in effective
    assert "RuntimeApiVersion:  v1" in machine.ssh("crictl version")
    assert machine.ssh("systemctl is-active containerd docker").split() == ["active", "active"]
    held = machine.ssh("apt-mark showhold").split()
    assert {"kubeadm", "kubelet", "kubectl", "containerd.io"} <= set(held)


def test_what_was_given_back_is_as_it_was(lab, run, snapshot, differences):
    (machine,) = lab.fresh(41)
    before = snapshot(machine)
    bed = spec.load_testbed(lab.testbed("given-back", [machine]))
    run(bed, PARTS, "first run on another")
    PiPlatform(bed).down(DownRequest(purge=True), Quiet())
    assert differences(before, machine) == ""


# Docker's as Docker tells to do it; Kubernetes' under another name, with a key that is gone.
SOURCES = """
mkdir -p /etc/apt/keyrings && cd /etc/apt
python3 - <<'END'
from urllib.request import urlretrieve
urlretrieve("http://198.18.2.1:8080/linux/debian/gpg", "keyrings/docker.asc")
END
cat >sources.list.d/docker.list <<'END'
deb [signed-by=/etc/apt/keyrings/docker.asc] http://198.18.2.1:8080/linux/debian bookworm stable
END
cat >sources.list.d/k8s.sources <<'END'
Types: deb
URIs: http://198.18.2.1:8080/core:/stable:/v1.36/deb
Suites: /
Signed-By: /gone.gpg
END
"""


def test_sources_that_somebody_else_set_up_are_used_or_set_aside_and_given_back(
    lab, run, snapshot, differences
):
    (machine,) = lab.fresh(57)
    machine.ssh(SOURCES)
    before = snapshot(machine)
    bed = spec.load_testbed(lab.testbed("sources", [machine]))
    assert run(bed, PARTS, "with sources of somebody else's")
    said = machine.ssh("apt-get -q update 2>&1; echo code $?; ls /etc/apt/sources.list.d")
    assert "code 0" in said, said
    assert not [line for line in said.splitlines() if line.startswith(("E:", "Err:"))], said
    assert "fogbed-kubernetes.sources" in said
    assert "fogbed-docker.sources" not in said
    assert machine.ssh("systemctl is-active docker containerd").split() == ["active", "active"]
    assert run(bed, PARTS, "the same again") == []
    PiPlatform(bed).down(DownRequest(purge=True), Quiet())
    assert differences(before, machine) == ""


def test_the_file_of_another_pod_network_is_refused_before_anything_is_touched(lab, run, snapshot):
    (machine,) = lab.fresh(41)
    machine.ssh("mkdir -pm700 /etc/cni/net.d; echo '{}' >/etc/cni/net.d/05-other.conflist")
    before = snapshot(machine)
    bed = spec.load_testbed(lab.testbed("other-network", [machine]))
    with pytest.raises(PlatformError) as refused:
        run(bed, PARTS, "refused for another pod network")
    assert "/etc/cni/net.d/05-other.conflist" in str(refused.value.details)
    assert snapshot(machine) == before


def test_what_somebody_edited_is_saved_and_told_before_it_is_given_back(one):
    bed, machine = one
    edited = [
        "/etc/containerd/config.toml",
        "/etc/crictl.yaml",
        "/etc/docker/daemon.json",
        "/etc/hosts",
        "/etc/modules-load.d/fogbed.conf",
        "/etc/sysctl.d/99-zz-fogbed.conf",
    ]
    machine.ssh("".join(f"echo '# mine' >>{path}\n" for path in edited))
    told = []
    listening = Listening(lambda event: told.extend(event.notes))
    PiPlatform(bed).down(DownRequest(purge=True), listening)
    assert sorted(words.split()[0] for words in told) == edited
    found = machine.ssh("cd /var/backups/fogbed && grep -rl '# mine' .")
    assert sorted(line.removeprefix(".") for line in found.splitlines()) == edited
    assert "# mine" not in machine.ssh("cat /etc/hosts")
