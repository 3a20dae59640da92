"""What is kept for the next request is closed when the command ends."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.clients import held
from fogbed.errors import NetworkError


@pytest.fixture
def closed():
    """What was closed, in order; nothing stays held."""
    order: list[str] = []
    yield order
    held.close_all()


def test_a_command_closes_what_was_opened_last_first(closed):
    for name in ("connection", "session"):
        held.hold(lambda name=name: closed.append(name))
    assert main(["landmarks", "list"]) == 0
    assert closed == ["session", "connection"]


def test_a_command_that_is_refused_closes_too(closed):
    held.hold(lambda: closed.append("session"))
    assert main(["check", "/nowhere"]) == 2
    assert closed == ["session"]


def test_what_was_closed_before_is_not_closed_again(closed):
    class Session:
        def close(self):
            closed.append("session")

    session = Session()
    held.hold(session.close)
    held.hold(session.close)
    held.let_go(session.close)
    held.close_all()
    assert closed == []


def test_what_cannot_be_closed_stops_nothing_else(closed):
    def refuse():
        raise NetworkError("cut")

    held.hold(lambda: closed.append("first"))
    held.hold(refuse)
    held.close_all()
    assert closed == ["first"]
