"""A lane: one at a time, in the order of asking, and nothing more begins once it is closed."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future

import pytest

from fogbed.experiment.lane import Lane, own_thread


def test_work_is_done_one_at_a_time_in_the_order_of_asking() -> None:
    lane, at_work, order = Lane(own_thread()), threading.Lock(), list[int]()

    def work(number: int) -> int:
        assert at_work.acquire(blocking=False)
        order.append(number)
        at_work.release()
        return number

    turns = [lane.ask(lambda number=number: work(number)) for number in range(50)]  # type: ignore[misc]
    assert [turn.result(10) for turn in turns] == list(range(50)) == order
    lane.close()


def test_a_failure_is_its_own_and_the_next_has_its_turn() -> None:
    lane = Lane(own_thread())
    failed, next_one = lane.ask(lambda: 1 / 0), lane.ask(lambda: 2)
    assert next_one.result(10) == 2
    assert isinstance(failed.exception(10), ZeroDivisionError)
    lane.close()


def test_closing_waits_for_what_is_under_way_and_lets_nothing_else_begin() -> None:
    lane, begun, go_on, done = Lane(own_thread()), threading.Event(), threading.Event(), list[int]()

    def long() -> None:
        begun.set()
        assert go_on.wait(10)
        done.append(1)

    under_way = lane.ask(long)
    waiting: Future[None] = lane.ask(lambda: done.append(2))
    assert begun.wait(10)
    closing = threading.Thread(target=lane.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(10)
    go_on.set()
    closing.join(10)
    assert under_way.done()
    with pytest.raises(CancelledError):
        lane.ask(lambda: done.append(3)).result(10)
    assert done == [1]
