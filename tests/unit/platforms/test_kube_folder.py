"""What a testbed on Kubernetes keeps here, and who may read it."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest

from fogbed.network.bare import Bare
from fogbed.platforms.kubernetes.bare_memory import FiledBare
from fogbed.platforms.kubernetes.credentials import keep_credentials
from fogbed.platforms.kubernetes.folder import KubeFolder


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
