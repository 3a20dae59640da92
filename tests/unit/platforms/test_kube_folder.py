"""What a testbed on Kubernetes keeps here, and who may read it."""

from __future__ import annotations

import base64
import json
import stat

import numpy as np
import pytest

from fogbed.errors import PlatformError
from fogbed.network.bare import Bare
from fogbed.platforms.kubernetes.bare_memory import FiledBare
from fogbed.platforms.kubernetes.credentials import adopt_credentials, as_secrets, keep_credentials
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.spec.testbed import Testbed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return KubeFolder("k")


def test_credentials_are_made_once_and_nobody_else_reads_them(folder):
    made = keep_credentials(folder)
    assert stat.S_IMODE(folder.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert keep_credentials(folder) == made
    assert made.secret_key not in repr(made)
    assert made.root_password not in repr(made)
    assert len({made.root_password, made.secret_key, made.root_user, made.access_key}) == 4


class Cluster:
    """Secrets of a cluster, as it spells them."""

    def __init__(self, *bodies):
        self._found = {body["metadata"]["name"]: body for body in bodies}

    def get(self, _version, _kind, name, namespace):
        assert namespace == "fogbed-k"
        body = self._found.get(name, {"stringData": {}})
        data = {k: base64.b64encode(v.encode()).decode() for k, v in body["stringData"].items()}
        return {"data": data} if data else None


@pytest.fixture
def bed():
    node = {"name": "a", "tier": "edge", "role": "control-plane"}
    fields = {"apiVersion": "fogbed/v1", "kind": "Testbed", "name": "k", "nodes": [node]}
    return Testbed.model_validate({**fields, "platform": "kubernetes"})


def test_a_store_that_was_made_from_elsewhere_is_opened_by_what_its_cluster_has(folder, bed):
    elsewhere = keep_credentials(KubeFolder("elsewhere"))
    adopt_credentials(folder, Cluster(*as_secrets(elsewhere, bed)), "k")
    assert stat.S_IMODE(folder.credentials.stat().st_mode) == 0o600
    assert keep_credentials(folder) == elsewhere


def test_what_is_kept_here_counts_and_half_of_it_is_nothing(folder, bed):
    elsewhere = keep_credentials(KubeFolder("elsewhere"))
    adopt_credentials(folder, Cluster(as_secrets(elsewhere, bed)[0]), "k")
    assert not folder.credentials.exists()
    made = keep_credentials(folder)
    adopt_credentials(folder, Cluster(*as_secrets(elsewhere, bed)), "k")
    assert keep_credentials(folder) == made


@pytest.mark.parametrize("text", ["", "[]", '{"root_user": "u", "sort": "of 2.0"}'])
def test_credentials_of_another_version_are_an_error_with_a_way_out(folder, text):
    folder.make()
    folder.credentials.write_text(text, encoding="utf-8")
    with pytest.raises(PlatformError) as caught:
        keep_credentials(folder)
    assert str(folder.credentials) in caught.value.message
    assert "move it away" in caught.value.hint


def test_two_testbeds_have_credentials_of_their_own(folder):
    assert keep_credentials(folder).secret_key != keep_credentials(KubeFolder("l")).secret_key


def test_what_opens_kept_data_is_kept_with_it(folder):
    folder.begin(spec="name: k\n")
    made = keep_credentials(folder)
    folder.remove(keep_credentials=True)
    assert [each.name for each in folder.root.iterdir()] == ["credentials.json"]
    assert keep_credentials(folder) == made
    folder.remove(keep_credentials=False)
    assert not folder.root.exists()


def test_removing_twice_is_removing(folder):
    folder.remove(keep_credentials=True)
    folder.remove(keep_credentials=False)
    assert not folder.root.exists()


def test_the_bare_network_is_remembered(folder):
    folder.begin(spec="name: k\n")
    memory = FiledBare(folder)
    assert memory.recall() is None
    memory.remember(Bare(nodes=("a", "b"), rtt_ms=np.array([[0, 0.5], [np.nan, 0]])))
    known = memory.recall()
    assert known is not None
    assert known.nodes == ("a", "b")
    assert np.array_equal(known.rtt_ms, [[0, 0.5], [np.nan, 0]], equal_nan=True)
    assert json.loads(folder.bare.read_text(encoding="utf-8"))["nodes"] == ["a", "b"]
