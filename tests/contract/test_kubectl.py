"""kubectl reads a kubeconfig in whatever spelling, with our entries in it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fogbed.clients.kubeconfig import add_context

CASES = sorted((Path(__file__).parents[1] / "cases" / "kubeconfig").glob("*"))
KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="needs kubectl")
ADMIN = """\
apiVersion: v1
kind: Config
clusters:
- cluster: {certificate-authority-data: "MTI6MzA6NDU=", server: "https://192.0.2.10:6443"}
  name: kubernetes
users:
- name: kubernetes-admin
  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}
"""


def view(path):
    argv = [KUBECTL, "config", "view", "--raw", "-o", "json", "--kubeconfig", path]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_reads_theirs_as_before_and_ours_as_meant(case, tmp_path):
    path = tmp_path / "config"
    path.write_bytes(case.read_bytes())
    before = view(path)
    add_context(path, "pico", ADMIN)
    after = view(path)
    assert after["current-context"] == before["current-context"]
    for kind in ("clusters", "users", "contexts"):
        ours = [each for each in after[kind] if each["name"] == "pico"]
        assert len(ours) == 1
        assert [each for each in after[kind] if each["name"] != "pico"] == (before[kind] or [])
    (user,) = [each["user"] for each in after["users"] if each["name"] == "pico"]
    assert user == {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}


@pytest.mark.parametrize("name", ["on", "n", "0x10", "1e3", "12-30"])
def test_a_testbed_of_any_name_is_text(tmp_path, name):
    path = tmp_path / "config"
    add_context(path, name, ADMIN)
    assert [each["name"] for each in view(path)["contexts"]] == [name]
