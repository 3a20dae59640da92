from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from fogbed.clients import flink_values
from fogbed.clients.flink import FlinkClient
from fogbed.errors import ServiceError

REST = Path(__file__).parents[2] / "cases" / "flink_rest"
spec = importlib.util.spec_from_file_location("flink_tape", REST / "tape.py")
tape = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tape)

JAVA_ERROR = """org.apache.flink.runtime.rest.handler.RestHandlerException: Could not submit
\tat org.apache.flink.Handler(Handler.java:1)
Caused by: java.util.concurrent.CompletionException: wrapped
\t... 2 more
Caused by: java.io.IOException: rides.index: 5 entries, but 9000 rides need 9
\tat fogbed.PreparedRides.open(PreparedRides.java:50)
"""


def client(name: str, instead=None) -> FlinkClient:
    player = tape.Player(REST / f"{name}.json", instead)
    return FlinkClient("http://jobmanager:8081/", tape.session_of(player))


def test_task_managers_come_with_slots_memory_and_what_they_may_be_placed_by():
    edge, fog = client("default").task_managers()
    assert (edge.name, edge.slots, edge.free_slots) == ("edge-1", 2, 2)
    assert fog.resources == {"node-fog-1": 3.0, "tier-fog": 3.0}
    assert fog.heap == 128 * 2**20
    assert fog.cpu == 1.0


@pytest.mark.parametrize("scheduler", ["default", "adaptive"])
def test_which_scheduler_runs_is_read_from_the_jobmanager(scheduler):
    assert client(scheduler).scheduler() == scheduler


def test_a_refusal_shows_the_cause_and_not_the_stack_trace():
    flink = client("default", lambda *_: (500, {"errors": ["Internal server error.", JAVA_ERROR]}))
    with pytest.raises(ServiceError) as caught:
        flink.run_jar("x.jar", entry_class="A", arguments=[])
    assert caught.value.message == (
        "POST http://jobmanager:8081/jars/x.jar/run was answered with 500"
    )
    assert caught.value.details == (
        "Internal server error.\njava.io.IOException: rides.index: 5 entries, but 9000 rides need 9"
    )


def test_a_refusal_that_is_no_json_is_shown_as_it_is():
    flink = client("default", lambda *_: (502, "<html>bad gateway</html>"))
    with pytest.raises(ServiceError) as caught:
        flink.jobs()
    assert "bad gateway" in caught.value.details


def test_where_nobody_listens_the_error_says_what_to_look_at():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with FlinkClient(f"http://127.0.0.1:{port}") as flink, pytest.raises(ServiceError) as caught:
        flink.jobs()
    assert caught.value.message == f"GET http://127.0.0.1:{port}/jobs/overview: no answer"
    assert caught.value.hint == "is the testbed up? `fogbed status` shows it; else check the URL"
    assert "refused" in caught.value.details


def test_a_redirect_is_not_followed_to_another_service():
    flink = client("default", lambda *_: (302, None))
    with pytest.raises(ServiceError, match="answered with 302"):
        flink.jobs()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": {"id": "IN_PROGRESS"}, "operation": None}, (False, None, None)),
        (
            {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/s"}},
            (True, "file:/s", None),
        ),
        (
            {
                "status": {"id": "COMPLETED"},
                "operation": {"failure-cause": {"class": "X", "stack-trace": JAVA_ERROR}},
            },
            (True, None, "java.io.IOException: rides.index: 5 entries, but 9000 rides need 9"),
        ),
    ],
)
def test_an_operation_is_under_way_done_or_failed(answer, expected):
    operation = flink_values.parse_operation(answer)
    assert (operation.is_over, operation.location, operation.failure) == expected
