"""Trying tc where nobody sees it, also where no namespace can be made for it."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from fogbed.network.agent import tc_trial


@pytest.fixture
def names(monkeypatch):
    """Have no right to make a namespace; return the names that trials gave their devices."""
    tried = []

    def try_here(_netlink, name, **_):
        tried.append(name)
        return ""

    refuses = SimpleNamespace(unshare=lambda _flags: -1)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: refuses)
    monkeypatch.setattr(tc_trial, "_try_here", try_here)
    return tried


def test_no_device_that_somebody_left_stands_in_a_trial_s_way(names):
    assert [tc_trial.why_not() for _ in range(20)] == [""] * 20
    assert len(set(names)) == 20
    # IFNAMSIZ has room for 15 octets
    assert all(name.startswith("fogbed-") and len(name) <= 15 for name in names)
