"""Versions of Kubernetes and containerd, as filters of the playbooks."""

from __future__ import annotations

import pytest
from plugins import load

versions = load("filter_plugins/kubeadm_versions.py")

MADISON = """\
   kubeadm | 1.36.10-1.1 | https://pkgs.k8s.io/core:/stable:/v1.36/deb  Packages
   kubeadm | 1.36.9-1.1 | https://pkgs.k8s.io/core:/stable:/v1.36/deb  Packages
   kubeadm | 1.35.4-1.1 | https://pkgs.k8s.io/core:/stable:/v1.35/deb  Packages
"""


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.36.3", "1.36.3"),
        ("5:29.0.1-1~debian.12~bookworm", "29.0.1"),
        ("1.36.3-1.1", "1.36.3"),
        ("", ""),
    ],
)
def test_core(version, expected):
    assert versions.core(version) == expected


@pytest.mark.parametrize(
    ("version", "beginning", "expected"),
    [
        ("1.36.3", "1.36", True),
        ("1.36.3", "1.3", False),
        ("1.36.3", "1.36.3", True),
        ("1.36.3", "v1.36", True),
    ],
)
def test_matches(version, beginning, expected):
    assert versions.matches(version, beginning) is expected


def test_newest_counts_by_numbers_not_letters():
    assert versions.newest(MADISON, "1.36") == "1.36.10"
    assert versions.newest(MADISON, "1.36.9") == "1.36.9"
    assert versions.newest(MADISON, "1.37") == ""
    assert versions.newest("", "1.36") == ""


@pytest.mark.parametrize(
    ("current", "target", "words"),
    [
        ("v1.35.4", "1.36", ""),
        ("v1.35.4", "1.36.3", ""),
        ("v1.36.3", "1.36", ""),
        ("v1.36.3", "1.36.4", ""),
        ("v1.35.4", "1.37", "upgrade to 1.36 first"),
        ("v1.36.3", "1.35", "cannot go back"),
        ("v1.36.3", "1.36.2", "cannot go back"),
        ("v1.36.3", "latest", "not a version"),
        ("v1.36.3", "2.0", "not a version"),
        ("v1.36.3", "1", "not a version"),
    ],
)
def test_upgrade_problem(current, target, words):
    problem = versions.upgrade_problem(current, target)
    assert words in problem
    assert bool(problem) is bool(words)


@pytest.mark.parametrize(
    ("version", "form"),
    [
        ("1.6.20~ds1", 2),
        ("1.7.24", 2),
        ("2.0.5", 3),
        ("2.2.1-1~debian.12~bookworm", 3),
        ("2.3.4", 4),
        ("2.4.0", 4),
    ],
)
def test_containerd_format(version, form):
    assert versions.containerd_format(version) == form


WANTED = {
    "SystemdCgroup": True,
    "restrict_oom_score_adj": False,
    "sandbox": "registry.k8s.io/pause:3.10.2",
    "config_path": "/etc/containerd/certs.d",
}
V2 = """
version = 2
disabled_plugins = []
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.2"
  restrict_oom_score_adj = false
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
"""
V4 = """
version = 4
disabled_plugins = []
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'registry.k8s.io/pause:3.10.2'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '/etc/containerd/certs.d'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = false
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
[plugins.'io.containerd.grpc.v1.cri']
  disable_tcp_service = true
"""


@pytest.mark.parametrize("dump", [V2, V4], ids=["v2", "v4"])
def test_containerd_took_everything(dump):
    assert versions.containerd_problems(dump, WANTED) == []


def test_containerd_ignored_a_setting_under_an_old_name():
    old = V4.replace("SystemdCgroup = true", "SystemdCgroup = false")
    assert versions.containerd_problems(old, WANTED) == ["SystemdCgroup is False instead of True"]


def test_containerd_with_its_cri_off():
    off = V4.replace("disabled_plugins = []", "disabled_plugins = ['io.containerd.grpc.v1.cri']")
    assert versions.containerd_problems(off, WANTED) == ["io.containerd.grpc.v1.cri is disabled"]
