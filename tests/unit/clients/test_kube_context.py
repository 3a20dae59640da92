"""What a kubeconfig says of a context, and every way in which it may be wrong."""

from __future__ import annotations

import base64
import json

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_context import read_context
from fogbed.errors import ServiceError


def kubeconfig(**changes):
    data = base64.b64encode(b"a key").decode()
    return {
        "current-context": "fog",
        "contexts": [{"name": "fog", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [
            {"name": "u", "user": {"client-certificate-data": data, "client-key-data": data}}
        ],
        **changes,
    }


def written(folder, content):
    path = folder / "config"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "context", "said", "hint"),
    [
        ("", None, "names no cluster", "fogbed up fetches"),
        ("- a", None, "names no cluster", "fogbed up fetches"),
        ("a: [", None, "config:1: this is no kubeconfig", "fogbed up fetches"),
        (kubeconfig(), "moon", "has no context moon", "it has: fog"),
        (kubeconfig(**{"current-context": ""}), None, "has no current context", "it has: fog"),
        (kubeconfig(clusters=[]), None, "context fog is of cluster c, of which it has no", "up"),
        (
            kubeconfig(users=[{"name": "u", "user": {"client-key-data": "%"}}]),
            None,
            "client-key-data is not base64",
            "fogbed up fetches",
        ),
        (
            kubeconfig(users=[{"name": "u", "user": {"client-certificate": "gone.crt"}}]),
            None,
            "client-certificate: ",
            "fogbed up fetches",
        ),
        (
            kubeconfig(users=[{"name": "u", "user": {"client-key-data": "QQ=="}}]),
            None,
            "the user has no client-certificate",
            "fogbed up fetches",
        ),
        (kubeconfig(users=[{"name": "v"}]), None, "has no user u", "it has: v"),
        (kubeconfig(users=None), None, "has no user u", "it has: none"),
    ],
)
def test_a_wrong_kubeconfig_is_named(tmp_path, content, context, said, hint):
    path = written(tmp_path, content)
    with pytest.raises(ServiceError) as caught:
        read_context(KubeAccess(kubeconfig=path, context=context))
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServiceError, match="there is no kubeconfig"):
        read_context(KubeAccess(kubeconfig=tmp_path / "none"))


def test_files_beside_the_kubeconfig_are_read_and_what_stands_in_it_counts_first(tmp_path):
    (tmp_path / "ca.crt").write_bytes(b"an authority")
    folded = "YW5vdGhl\n  cg==\n"
    for more, authority in (
        ({}, b"an authority"),
        ({"certificate-authority-data": folded}, b"another"),
    ):
        cluster = {"server": "https://127.0.0.1:9/", "certificate-authority": "ca.crt", **more}
        path = written(tmp_path, kubeconfig(clusters=[{"name": "c", "cluster": cluster}]))
        found = read_context(KubeAccess(kubeconfig=path))
        assert (found.server, found.authority) == ("https://127.0.0.1:9", authority)


def test_no_secret_is_shown(tmp_path):
    user = {
        "client-certificate-data": base64.b64encode(b"public").decode(),
        "client-key-data": base64.b64encode(b"hidden").decode(),
        "token": "hidden",
        "username": "me",
        "password": "hidden",
        "exec": {"command": "login", "env": [{"name": "A", "value": "hidden"}]},
    }
    path = written(tmp_path, kubeconfig(users=[{"name": "u", "user": user}]))
    assert "hidden" not in repr(read_context(KubeAccess(kubeconfig=path)))


def test_a_context_may_have_no_user(tmp_path):
    contexts = [{"name": "fog", "context": {"cluster": "c"}}]
    found = read_context(KubeAccess(kubeconfig=written(tmp_path, kubeconfig(contexts=contexts))))
    assert (found.token, found.key, found.impersonation) == ("", b"", ())
