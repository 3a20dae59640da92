"""One context out of the user's kubeconfigs: whole, alone, and as kubectl would find it."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from fogbed.clients.kubeconfig_context import take_context
from fogbed.errors import UsageError

WORK = """\
apiVersion: v1
kind: Config
clusters:
- {name: k3s, cluster: {server: "https://192.0.2.1:6443", certificate-authority: ca.crt}}
- {name: other, cluster: {server: "https://192.0.2.2:6443"}}
contexts:
- {name: farm, context: {cluster: k3s, user: me, namespace: mine}}
- {name: broken, context: {cluster: gone, user: me}}
- {name: elsewhere, context: {cluster: other, user: helper}}
current-context: farm
users:
- {name: me, user: {client-certificate: pki/me.crt, client-key: /abs/me.key}}
"""
MORE = """\
apiVersion: v1
kind: Config
clusters:
- {name: k3s, cluster: {server: "https://wrong:6443"}}
users:
- name: helper
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [a]}}
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "more").mkdir()
    paths = tmp_path / "work", tmp_path / "more" / "config", tmp_path / "absent"
    for path, text in zip(paths, (WORK, MORE), strict=False):
        path.write_text(text, encoding="utf-8")
    return paths


def taken(files, name):
    return YAML(typ="safe").load(take_context(files, name))


def test_the_context_comes_alone_and_its_files_are_found_from_anywhere(files, tmp_path):
    assert taken(files, "farm") == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "farm",
                "cluster": {
                    "server": "https://192.0.2.1:6443",
                    "certificate-authority": str(tmp_path / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": "farm",
                "user": {
                    "client-certificate": str(tmp_path / "pki" / "me.crt"),
                    "client-key": "/abs/me.key",
                },
            }
        ],
        "contexts": [{"name": "farm", "context": {"cluster": "farm", "user": "farm"}}],
        "current-context": "farm",
    }


def test_no_name_is_the_current_context(files):
    assert taken(files, None) == taken(files, "farm")


def test_several_files_are_one(files, tmp_path):
    user = taken(files, "elsewhere")["users"][0]["user"]
    assert user["exec"]["command"] == str(tmp_path / "more" / "bin" / "login")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("frm", "there is no context frm in", "there are: farm, broken, elsewhere"),
        ("broken", "names the cluster 'gone', which is not there", "mend the kubeconfig"),
    ],
)
def test_what_is_not_there_is_told(files, name, message, hint):
    with pytest.raises(UsageError) as caught:
        take_context(files, name)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_no_kubeconfig_at_all(tmp_path):
    with pytest.raises(UsageError, match="has no current context"):
        take_context((tmp_path / "absent",), None)


def test_a_file_that_is_none_is_named(tmp_path):
    path = tmp_path / "config"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{path}: fogbed cannot read it"):
        take_context((path,), None)
