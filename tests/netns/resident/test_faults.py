"""Whatever dies, hangs or is full: what shaped a node is gone, and the next one is told why."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fogbed.errors import NetworkError
from fogbed.network.link import Shape

pytestmark = pytest.mark.netns

CONTROLLER = "ann@desk, fogbed experiment run (pid 1)"
ROOT = Path(__file__).parents[3]
SQUATTER = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as here:
    here.bind("\\0fogbed-links")
    here.listen(8)
    print("there", flush=True)
    sys.stdin.read()
"""
RUN = """
import sys, time
from fogbed.clients.channel import Channel
from fogbed.network.agent.backend import Row
from fogbed.network.agent.this_program import packed
from fogbed.network.agent_client import Agent
from fogbed.network.agent_pack import modules
import json
backends, row, prefix = sys.argv[1], Row.from_json(json.loads(sys.argv[2])), sys.argv[3:]
source = open(backends).read()
program = packed({**modules(), "fogbed.network.agent.backend_table": source})
with Agent(Channel("fog-1", tuple(prefix), sys.executable), program) as agent:
    agent.links_apply(row, controller="a run", lease_s=2)
    print("applied", flush=True)
    while True:
        agent.links_renew(controller="a run")
        time.sleep(0.1)
"""


def apply(node, **row):
    with node.session() as session:
        session.links_apply(node.row(**row), controller=CONTROLLER, lease_s=600)
    assert node.in_force() == ["file"]


def gone(node):
    node.wait_until(lambda: node.in_force() == [], "it is still in force")
    node.wait_until(lambda: node.residents() == 0, "the resident stays")


def told(node):
    """Return what the next session is told, by both requests."""
    with node.session() as session:
        shown = session.links_show()
        assert session.hello().cleared == shown.cleared
    assert shown.backend == ""
    return shown.cleared


def test_a_worker_that_is_killed_is_cleared_after_by_its_guardian(node):
    apply(node)
    os.kill(node.resident()[1], signal.SIGKILL)
    gone(node)
    cleared = told(node)
    assert cleared.why == "the agent was killed by signal 9; its guardian cleared"
    assert (cleared.controller, cleared.testbed, cleared.problems) == (CONTROLLER, "lab", ())
    assert dt.timedelta(0) < dt.datetime.now(dt.UTC) - cleared.when < dt.timedelta(minutes=5)


def test_a_guardian_that_is_killed_has_its_worker_clear(node):
    apply(node)
    os.kill(node.resident()[0], signal.SIGKILL)
    gone(node)
    assert "its guardian was killed" in told(node).why


def test_what_both_leave_when_they_are_killed_at_once_the_next_one_clears_first(node):
    node.ask("no-file")
    with node.session() as session:
        session.links_apply(node.row(), controller=CONTROLLER, lease_s=600)
    for pid in node.resident():
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(node.resident()):
        os.kill(pid, signal.SIGKILL)
    node.wait_until(lambda: node.residents() == 0, "they are still there")
    assert node.in_force() == ["other"]
    with node.session() as session:
        shown = session.links_show()
    assert (shown.backend, shown.left) == ("", ["other"])
    node.ask()
    apply(node)
    with node.session() as session:
        assert session.links_show().left == []
        session.links_clear(controller=CONTROLLER)
        assert session.links_show().cleared is None


def test_links_that_nobody_has_in_hand_can_be_cleared(node):
    (node.home / "other.json").write_text("{}")
    with node.session() as session:
        assert session.links_show().left == ["other"]
        session.links_clear()
        assert session.links_show().left == []
    assert node.in_force() == []


def test_a_shutdown_clears(node):
    apply(node)
    os.kill(node.resident()[0], signal.SIGTERM)
    gone(node)
    assert told(node).why.startswith("the agent was told to end (SIGTERM")


def test_a_controller_that_is_killed_is_cleared_after_when_its_lease_is_over(node):
    backends = ROOT / "tests/cases/agent/file_backends.py"
    prefix = ["env", f"FOGBED_TEST_LINKS={node.home}", *node.enter]
    argv = [sys.executable, "-c", RUN, str(backends), json.dumps(node.row().to_json()), *prefix]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout.readline() == "applied\n"
            assert node.in_force() == ["file"]
        finally:
            run.kill()
    gone(node)
    cleared = told(node)
    assert (cleared.why, cleared.controller) == ("controller silent for 2 s", "a run")


@pytest.mark.parametrize("lease_s", [1, None])
def test_a_channel_that_is_cut_leaves_what_has_no_lease(node, lease_s):
    with node.session() as session:
        session.links_apply(node.row(), controller=CONTROLLER, lease_s=lease_s)
        session._process.kill()
    if lease_s:
        gone(node)
        with node.session() as session, pytest.raises(NetworkError) as error:
            session.links_renew(controller=CONTROLLER)
        assert "nothing is in force here any more: cleared at" in error.value.message
        assert "controller silent for 1 s" in error.value.message
    else:
        assert node.in_force() == ["file"]
        with node.session() as session:
            assert session.links_show().controller == CONTROLLER


@pytest.mark.parametrize("victim", [0, 1])
def test_a_full_disk_keeps_nothing_from_being_cleared(full_node, victim):
    node = full_node
    apply(node)
    os.kill(node.resident()[victim], signal.SIGKILL)
    gone(node)
    assert told(node) is None
    apply(node)
    with node.session() as session:
        session.links_clear(controller=CONTROLLER)
    gone(node)


def test_of_residents_that_are_started_at_once_one_wins(node):
    def one(delay_ms: int):
        with node.session() as session:
            return session.links_apply(
                node.row(delay_ms=delay_ms), controller=CONTROLLER, lease_s=600
            )

    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(one, [1, 2, 3, 4]))
    assert {each.shapes["edge-1"].delay_ms for each in shown} == {1, 2, 3, 4}
    assert node.residents() == 2
    with node.session() as session:
        assert session.links_show().shapes["edge-1"] in [Shape(delay_ms=d) for d in (1, 2, 3, 4)]
        session.links_clear(controller=CONTROLLER)
    gone(node)


def test_a_backend_that_breaks_is_cleared_and_its_words_are_kept(node):
    apply(node)
    node.ask("break")
    gone(node)
    assert told(node).why == "the agent failed: BackendError: the device is gone"


def test_one_that_is_killed_while_it_installs_leaves_nothing(node):
    node.ask("die-while-applying")
    with node.session() as session, pytest.raises(NetworkError) as error:
        session.links_apply(node.row(), controller=CONTROLLER, lease_s=600)
    assert "the agent was killed by signal 9; its guardian cleared" in error.value.message
    gone(node)


def test_what_cannot_be_cleared_is_tried_again(node):
    apply(node)
    node.ask("cannot-clear-file")
    os.kill(node.resident()[1], signal.SIGKILL)
    with node.session() as session:
        node.wait_until(
            lambda: session.hello().cleared is not None, "nothing is told of what was left"
        )
        assert session.hello().cleared.problems == ("file: permission denied",)
    assert node.in_force() == ["file"]
    node.ask()
    gone(node)
    assert told(node).problems == ()


def test_a_socket_that_another_user_holds_is_refused_by_name(node):
    if os.geteuid() != 0:
        # nobody else can be become: an own namespace has one user, whom the agent trusts
        pytest.skip("only root has another user to hold the socket")
    with squatting(node, uid=65534) as squatter, node.session() as session:
        assert squatter.stdout.readline() == "there\n"
        with pytest.raises(NetworkError, match=r"held by process \d+ of user 65534: end it"):
            session.links_apply(node.row(), controller=CONTROLLER, lease_s=60)
        squatter.communicate()
        assert session.links_apply(node.row(), controller=CONTROLLER, lease_s=60).backend


def test_a_socket_whose_holder_dies_without_an_answer_is_taken_over(node):
    with squatting(node, uid=0) as squatter, node.session() as session:
        assert squatter.stdout.readline() == "there\n"
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(session.links_apply, node.row(), controller=CONTROLLER, lease_s=60)
            squatter.communicate()
            assert asked.result().backend == "file"


def squatting(node, *, uid):
    argv = [*node.enter, sys.executable, "-c", SQUATTER, str(uid)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
