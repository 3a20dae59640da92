"""The user's kubeconfig: ours comes and goes, theirs stays."""

from __future__ import annotations

import os

import pytest
from ruamel.yaml import YAML

from fogbed.clients.kubeconfig import add_context, remove_context, require_room
from fogbed.errors import PlatformError, UsageError

SERVERS = {"https://192.0.2.10:6443"}

ADMIN = """\
apiVersion: v1
kind: Config
clusters:
- cluster: {certificate-authority-data: Q0E=, server: "https://192.0.2.10:6443"}
  name: kubernetes
contexts:
- context: {cluster: kubernetes, user: kubernetes-admin}
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
users:
- name: kubernetes-admin
  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}
"""
THEIRS = """\
apiVersion: v1
kind: Config
clusters:
- cluster: {server: "https://work:6443"}
  name: work
contexts:
- context: {cluster: work, user: me, namespace: mine}
  name: work
current-context: work
users:
- name: me
  user: {token: t}
"""


def read(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def test_a_first_kubeconfig_is_ours_alone_and_nobody_else_reads_it(tmp_path):
    path = tmp_path / ".kube" / "config"
    assert add_context(path, "pico", ADMIN)
    assert path.stat().st_mode & 0o777 == 0o600
    config = read(path)
    assert config["current-context"] == "pico"
    assert config["contexts"] == [{"name": "pico", "context": {"cluster": "pico", "user": "pico"}}]
    assert config["clusters"][0]["cluster"]["server"] == "https://192.0.2.10:6443"
    assert config["users"][0]["user"]["client-key-data"] == "S0VZ"


def test_twice_changes_nothing(tmp_path):
    path = tmp_path / "config"
    assert add_context(path, "pico", ADMIN)
    before = path.read_bytes()
    assert not add_context(path, "pico", ADMIN)
    assert path.read_bytes() == before


def test_other_entries_and_the_current_context_stay(tmp_path):
    path = tmp_path / "config"
    path.write_text(THEIRS, encoding="utf-8")
    theirs = read(path)
    add_context(path, "pico", ADMIN)
    assert read(path)["current-context"] == "work"
    assert [entry["name"] for entry in read(path)["clusters"]] == ["work", "pico"]
    assert remove_context(path, "pico", SERVERS)
    assert read(path) == theirs


def test_a_new_cluster_of_the_same_name_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "config"
    add_context(path, "pico", ADMIN)
    assert add_context(path, "pico", ADMIN.replace("192.0.2.10", "192.0.2.20"))
    (cluster,) = read(path)["clusters"]
    assert cluster["cluster"]["server"] == "https://192.0.2.20:6443"


def test_a_kubeconfig_under_a_link_stays_where_it_is(tmp_path):
    target = tmp_path / "dotfiles" / "kube"
    target.parent.mkdir()
    target.write_text(THEIRS, encoding="utf-8")
    path = tmp_path / "config"
    path.symlink_to(target)
    add_context(path, "pico", ADMIN)
    assert path.is_symlink()
    assert [entry["name"] for entry in read(target)["clusters"]] == ["work", "pico"]


def test_a_file_that_is_no_kubeconfig_is_left_alone(tmp_path):
    path = tmp_path / "config"
    path.write_text("- not\n- a mapping\n", encoding="utf-8")
    with pytest.raises(PlatformError) as refused:
        add_context(path, "pico", ADMIN)
    assert refused.value.message == f"{path}: fogbed cannot read it as a kubeconfig"
    assert path.read_text(encoding="utf-8") == "- not\n- a mapping\n"


def test_nothing_to_remove_is_no_error(tmp_path):
    assert not remove_context(tmp_path / "none", "pico", SERVERS)


@pytest.mark.parametrize("kind", ["clusters", "contexts", "users"])
def test_what_somebody_else_has_under_the_name_is_not_replaced_and_not_removed(tmp_path, kind):
    path = tmp_path / "config"
    before, after = THEIRS.split(f"{kind}:\n")
    last = "name: me" if kind == "users" else "name: work"
    text = f"{before}{kind}:\n{after.replace(last, 'name: pico', 1)}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"has {kind} called pico that are not this testbed's"):
        require_room(path, "pico", SERVERS)
    assert not remove_context(path, "pico", SERVERS)
    assert path.read_text(encoding="utf-8") == text


def test_there_is_room_for_a_first_context_and_again_for_our_own(tmp_path):
    path = tmp_path / "config"
    require_room(path, "pico", SERVERS)
    path.write_text(THEIRS, encoding="utf-8")
    require_room(path, "pico", SERVERS)
    add_context(path, "pico", ADMIN)
    require_room(path, "pico", SERVERS)


def test_what_is_no_file_is_refused_before_anything_and_stays(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (pipe, tmp_path):
        with pytest.raises(UsageError, match="is not a file"):
            require_room(path, "pico", SERVERS)
        with pytest.raises(PlatformError, match="is not a file"):
            add_context(path, "pico", ADMIN)
    assert pipe.is_fifo()


def test_the_line_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "config"
    path.write_text("clusters: []\nusers: [\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"config:3: fogbed cannot read it as a kubeconfig"):
        require_room(path, "pico", SERVERS)
