"""Machines to play on; and the loader beside the playbooks' unit tests, made importable.

Test folders are not packages.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.ansible.machines import Machines

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "playbooks"))


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where programs put what they need for a while: who is killed leaves it there, not in /tmp."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """No machine is on until a test switches it on."""
    found = Machines(tmp_path / "machines")
    monkeypatch.setenv("PATH", f"{found.folder}:{os.environ['PATH']}")
    # sftp and scp start the ssh that they were built with, whatever PATH says
    monkeypatch.setenv("ANSIBLE_SSH_TRANSFER_METHOD", "piped")
    return found
