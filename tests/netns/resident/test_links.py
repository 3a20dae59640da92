"""What is applied stays when a session ends, for as long as it is leased, in one hand at a time."""

from __future__ import annotations

import json
import re

import pytest

from fogbed.errors import NetworkError
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.link import Shape
from fogbed.plan.trace import Trace

pytestmark = pytest.mark.netns

FIRST, SECOND = "ann@desk, fogbed experiment run (pid 1)", "bob@desk, fogbed network apply (pid 2)"


def test_a_row_is_installed_changed_in_place_shown_and_cleared(node):
    with node.session() as session:
        before = session.links_show()
        shown = session.links_apply(node.row(), controller=FIRST, lease_s=60)
        guardian = node.resident()
        again = session.links_apply(node.row(delay_ms=9, cut=True), controller=FIRST, lease_s=60)
        assert node.resident() == guardian
        carried = session.links_counters()
        session.links_clear(controller=FIRST)
        after = session.links_show()
    assert (before.backend, before.shapes, before.cleared) == ("", {}, None)
    assert (shown.backend, shown.shapes) == ("file", {"edge-1": Shape(delay_ms=5)})
    assert (shown.controller, shown.testbed, shown.lease_s) == (FIRST, "lab", 60)
    assert (shown.seed, shown.severed) == (7, frozenset())
    assert (again.shapes, again.severed) == ({"edge-1": Shape(delay_ms=9)}, {"edge-1"})
    assert carried.peers["edge-1"].octets == 84
    assert carried.cost is not None
    assert (after.backend, after.cleared) == ("", None)
    assert node.in_force() == []
    node.wait_until(lambda: node.residents() == 0, "the resident stays")


def test_what_is_shown_is_what_is_there_and_not_what_was_asked(node):
    with node.session() as session:
        session.links_apply(node.row(), controller=FIRST, lease_s=None)
        text = (node.home / "file.json").read_text()
        (node.home / "file.json").write_text(text.replace("5", "6"))
        assert session.links_show().shapes == {"edge-1": Shape(delay_ms=6)}


def test_without_a_lease_it_stays_when_the_session_has_gone_and_the_next_one_takes_it_over(node):
    with node.session() as session:
        session.links_apply(node.row(), controller=FIRST, lease_s=None)
        session.bye()
    assert node.in_force() == ["file"]
    with node.session() as session:
        shown = session.links_show()
        taken = session.links_apply(node.row(delay_ms=6), controller=SECOND, lease_s=None)
    assert (shown.controller, shown.lease_s, shown.left_s) == (FIRST, None, None)
    assert taken.controller == SECOND


def test_the_backend_is_the_first_that_can_or_the_one_that_is_wanted(node):
    with node.session() as session:
        node.ask("no-file")
        assert session.links_apply(node.row(), controller=FIRST, lease_s=60).backend == "other"
        with pytest.raises(NetworkError, match="other serves here already: clear it"):
            session.links_apply(node.row(), controller=FIRST, lease_s=60, backend="file")
        session.links_clear(controller=FIRST)
        with pytest.raises(NetworkError, match="there is no backend tc: auto, file, other"):
            session.links_apply(node.row(), controller=FIRST, lease_s=60, backend="tc")
        node.ask("no-file", "no-other")
        with pytest.raises(NetworkError) as none:
            session.links_apply(node.row(), controller=FIRST, lease_s=60)
        lacking = session.hello().lacking
    assert "file: the kernel has no files; other: no device /dev/other" in none.value.message
    assert lacking == {"file": "the kernel has no files", "other": "no device /dev/other"}


def test_a_row_that_is_beyond_the_first_backend_is_the_next_ones_if_nothing_is_in_force(node):
    node.ask("beyond-file")
    doubled = node.row(duplicate=0.5)
    with node.session() as session:
        assert session.links_apply(doubled, controller=FIRST, lease_s=60).backend == "other"
        assert node.in_force() == ["other"]
        session.links_clear(controller=FIRST)
        with pytest.raises(NetworkError, match="file: file cannot duplicate"):
            session.links_apply(doubled, controller=FIRST, lease_s=60, backend="file")
        assert node.in_force() == []
        assert session.links_apply(node.row(), controller=FIRST, lease_s=60).backend == "file"
        with pytest.raises(NetworkError, match=r"cannot duplicate; .* network clear, then apply"):
            session.links_apply(doubled, controller=FIRST, lease_s=60)
        assert session.links_show().shapes == {"edge-1": Shape(delay_ms=5)}
        node.ask("beyond-file", "beyond-other")
        session.links_clear(controller=FIRST)
        with pytest.raises(NetworkError) as none:
            session.links_apply(doubled, controller=FIRST, lease_s=60)
        assert session.links_show().cleared is None
    assert "file: file cannot duplicate; other: other cannot duplicate" in none.value.message


def test_a_second_controller_is_refused_with_the_name_of_the_first_and_how_long(node):
    with node.session() as one, node.session() as other:
        one.links_apply(node.row(), controller=FIRST, lease_s=600)
        for refused in (
            lambda: other.links_apply(node.row(delay_ms=99), controller=SECOND, lease_s=60),
            lambda: other.links_renew(controller=SECOND),
            lambda: other.links_clear(controller=SECOND),
        ):
            with pytest.raises(NetworkError) as error:
                refused()
            assert FIRST in error.value.message
            assert "its lease of 600 s, renewed while it runs, lasts" in error.value.message
        one.links_renew(controller=FIRST)
        assert other.links_show(controller=SECOND).shapes == {"edge-1": Shape(delay_ms=5)}
        other.links_clear(controller=SECOND, force=True)
    assert node.in_force() == []


def test_another_testbed_is_refused_even_without_a_lease(node):
    with node.session() as session:
        session.links_apply(node.row(), controller=FIRST, lease_s=None)
        with pytest.raises(NetworkError, match="for testbed lab: until it is cleared"):
            session.links_apply(node.row(testbed="other"), controller=FIRST, lease_s=60)
        with pytest.raises(NetworkError, match="for testbed lab"):
            session.links_clear(controller=FIRST, testbed="other")
        session.links_clear(controller=SECOND, testbed="lab")
    assert node.in_force() == []


def test_a_first_row_that_cannot_be_installed_leaves_nothing_and_can_be_asked_again(node):
    node.ask("fail-half-way")
    with node.session() as session:
        with pytest.raises(NetworkError, match="fog-1: asked 5 ms, found 4 ms"):
            session.links_apply(node.row(), controller=FIRST, lease_s=60)
        assert node.in_force() == []
        node.ask()
        assert session.links_apply(node.row(), controller=SECOND, lease_s=60).backend == "file"


def test_a_change_that_is_refused_leaves_what_was_in_force(node):
    with node.session() as session:
        session.links_apply(node.row(), controller=FIRST, lease_s=60)
        node.ask("refuse")
        with pytest.raises(NetworkError, match="another tool's qdisc"):
            session.links_apply(node.row(delay_ms=8), controller=FIRST, lease_s=60)
        assert session.links_show().shapes == {"edge-1": Shape(delay_ms=5)}


def test_steps_are_taken_between_requests(node):
    with node.session() as session:
        session.links_apply(node.row(), controller=FIRST, lease_s=60)
        steps = node.home / "steps"
        node.wait_until(lambda: steps.exists() and steps.read_text().count("\n") > 3, "no steps")


def test_nothing_to_clear_counters_or_renew_where_nothing_is(node):
    with node.session() as session:
        session.links_clear()
        assert session.links_counters().peers == {}
        with pytest.raises(NetworkError, match="nothing is in force here any more") as error:
            session.links_renew(controller=FIRST)
    # after a reboot nothing is recorded: then this says what has happened
    assert re.search(
        r"nothing is recorded of its end, as after a reboot \(this node was started at [\d-]{10} "
        r"[\d:]{8} UTC\)",
        error.value.message,
    )
    assert node.residents() == 0


def test_a_trace_is_followed_and_the_backend_only_sees_shapes(node):
    trace = Trace(name="waves", times_s=(0, 0.3), delay_ms=(10, 20))
    peer = Peer("edge-1", ("10.244.2.0/24",), shape=Shape(jitter_ms=1), trace=trace.key)
    row = Row("lab", "fog-1", ("10.244.1.0/24",), (), (peer,), traces={trace.key: trace.to_json()})
    with node.session() as session:
        first = session.links_apply(row, controller=FIRST, lease_s=60).shapes["edge-1"]
        seen = {first.delay_ms}
        node.wait_until(
            lambda: seen.add(node.shape()["delay_ms"]) or seen == {10, 20}, f"only {seen} was seen"
        )
        shown = session.links_show()
        assert shown.shapes["edge-1"].jitter_ms == 1
        assert shown.traces == {"edge-1": trace}
        asked = json.loads((node.home / "file.json").read_text())
        assert (asked["traces"], asked["peers"][0]["trace"]) == ({}, None)
        assert session.links_apply(node.row(), controller=FIRST, lease_s=60).traces == {}
        assert session.links_show().shapes == {"edge-1": Shape(delay_ms=5)}
