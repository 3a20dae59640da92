"""From Kubernetes 1.35 to 1.36 with a workload that is asked all the time."""

from __future__ import annotations

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

# Two pods on two nodes behind a service; each second it is asked from the control-plane node.
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: DoNotSchedule
          labelSelector: {matchLabels: {app: web}}
      containers:
        - name: web
          image: docker.io/lab/probe:1
          args: [serve, ":8080"]
          env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 198.19.128.80, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
ASKING = """
(while sleep 1; do
  curl -fsS -m 2 http://198.19.128.80/ >/dev/null 2>&1 && echo ok || echo no
done) >/tmp/asked 2>/dev/null </dev/null & echo $! >/tmp/asking
"""


@pytest.fixture(scope="module")
def old(lab):
    minor = lab.minor()
    machines = lab.fresh(45, 46)
    file = lab.testbed("upgraded", machines, version=minor)
    PiPlatform(spec.load_testbed(file)).up(MACHINES, Quiet())
    return machines, file


def versions(file):
    with KubeClient(kubeconfig_of(spec.load_testbed(file))) as kube:
        return {node.name: node.version for node in kube.nodes()}, kube.version()


def test_more_than_one_minor_at_a_time_is_refused_and_nothing_is_touched(old, capsys):
    before = versions(old[1])
    assert main(["upgrade", "-t", str(old[1]), "--to", "1.37", "--yes"]) == 2
    assert "1.36" in capsys.readouterr().err
    assert versions(old[1]) == before


def test_a_workload_runs_on_while_the_cluster_is_upgraded(old, note_time):
    machines, file = old
    first = machines[0]
    kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    first.ssh(f"{kubectl} apply -f - <<'EOF'\n{WORKLOAD}\nEOF")
    first.ssh(f"{kubectl} rollout status deployment/web --timeout=120s")
    first.ssh(ASKING)
    began = time.monotonic()
    assert main(["upgrade", "-t", str(file), "--to", "1.36", "--yes"]) == 0
    took_s = time.monotonic() - began
    asked = first.ssh("kill $(cat /tmp/asking); cat /tmp/asked").split()
    note_time(f"upgrade of two nodes; {asked.count('no')} of {len(asked)} questions failed", took_s)
    kubelets, server = versions(file)
    assert set(kubelets.values()) == {server}
    assert server.startswith("v1.36.")
    assert spec.load_testbed(file).kubernetes.version == "1.36"
    # a pod that is moved may miss a question; the workload as a whole is never gone
    assert len(asked) > took_s / 4
    assert asked.count("no") <= len(asked) * 0.1
    assert "no no no no no no" not in " ".join(asked)


def test_when_it_is_done_there_is_nothing_to_do(old, capsys):
    assert main(["upgrade", "-t", str(old[1]), "--to", "1.36", "--yes"]) == 0
    assert "there is nothing to upgrade" in capsys.readouterr().err
    changes = []
    listening = Listening(
        lambda event: changes.append(event.task) if event.kind == "changed" else None
    )
    PiPlatform(spec.load_testbed(old[1])).up(MACHINES, listening)
    assert changes == []
