"""What was lost as asked, and what found the queue full: one counter of the kernel, two of ours."""

from __future__ import annotations

import random

from fogbed.network.agent.tc_losses import Losses
from fogbed.network.agent.tc_reading import Flow
from fogbed.plan.tc import CERTAIN, Leaf


def flow(packets, drops, queued=0):
    return Flow(octets=0, packets=packets, drops=drops, queued=queued)


def test_without_a_loss_all_that_is_missing_was_dropped_by_the_queue():
    account = Losses()
    account.ask(Leaf())
    account.settle(flow(1000, 37))
    assert (account.lost, account.dropped) == (0, 37)


def test_cut_off_all_that_is_missing_was_lost():
    account = Losses()
    account.ask(Leaf(cut=True))
    account.settle(flow(0, 500))
    assert (account.lost, account.dropped) == (500, 0)


def test_what_a_loss_explains_is_lost_and_what_is_beyond_was_dropped():
    drawn = random.Random(5)  # noqa: S311 - repeatable on purpose
    account = Losses()
    account.ask(Leaf(loss=round(0.1 * CERTAIN)))
    lost = sum(drawn.random() < 0.1 for _ in range(10_000))
    account.settle(flow(10_000 - lost, lost))
    assert (account.lost, account.dropped) == (lost, 0)
    # the queue overflows: of the next 10,000 a half
    account.settle(flow(15_000 - lost, 5_000 + lost))
    assert account.dropped > 3_500
    assert account.lost + account.dropped == 5_000 + lost


def test_each_loss_explains_its_own():
    account = Losses()
    account.ask(Leaf(loss=CERTAIN // 2))
    account.settle(flow(500, 500))
    account.ask(Leaf())
    account.settle(flow(1000, 520))
    assert (account.lost, account.dropped) == (500, 20)
    account.settle(flow(1000, 520))
    assert (account.lost, account.dropped) == (500, 20)
