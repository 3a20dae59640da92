"""Who may change what shapes a node."""

from __future__ import annotations

import pytest

from fogbed.network.agent.lease import Holder, refusal

RUN = "ann@desk, fogbed experiment run (pid 41)"
LEASED = Holder(RUN, "lab", 60, heard_s=100.0)
LEFT = Holder(RUN, "lab", None, heard_s=100.0)


@pytest.mark.parametrize(
    ("holder", "controller", "testbed", "told"),
    [
        (None, "bob", "lab", ""),
        (LEASED, RUN, "lab", ""),
        (LEASED, RUN, None, ""),
        (LEASED, "bob", "lab", "its lease of 60 s, renewed while it runs, lasts 50 s more"),
        (LEASED, "bob", None, "lasts 50 s more"),
        (LEASED, RUN, "other", "lasts 50 s more"),
        (LEFT, "bob", "lab", ""),
        (LEFT, "bob", None, ""),
        (LEFT, RUN, "other", "until it is cleared (fogbed network clear)"),
    ],
)
def test_who_is_refused_and_with_which_words(holder, controller, testbed, told):
    why = refusal(holder, controller=controller, testbed=testbed, now_s=110.0)
    assert told in why
    assert bool(why) == bool(told)
    if why:
        assert why.startswith(f"the network is shaped by {RUN} for testbed lab: ")


@pytest.mark.parametrize(
    ("now", "left", "is_over"), [(100.0, 60, False), (159.5, 0.5, False), (160.0, 0, True)]
)
def test_a_lease_runs_from_when_its_holder_was_heard_last(now, left, is_over):
    assert (LEASED.left_s(now), LEASED.is_over(now)) == (left, is_over)
    assert LEASED.heard(now).left_s(now) == 60
    assert LEFT.left_s(now) is None
    assert not LEFT.is_over(now)
