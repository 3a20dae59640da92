"""ansible-runner's events in our words; the raw ones are shortened from real runs."""

from __future__ import annotations

import pytest

from fogbed.clients.ansible_events import (
    failure_of,
    failures_after,
    message_of,
    output_of,
    playbook_event,
)


def raw(event, **data):
    return {"event": event, "event_data": {"play": "Workers", "task": "Join", "host": "a", **data}}


@pytest.mark.parametrize(
    ("name", "result", "kind"),
    [
        ("runner_on_start", {}, "started"),
        ("runner_on_ok", {"changed": False}, "ok"),
        ("runner_on_ok", {"changed": True}, "changed"),
        ("runner_on_skipped", {}, "skipped"),
        ("runner_on_failed", {"msg": "no"}, "failed"),
        ("runner_on_unreachable", {"msg": "no"}, "unreachable"),
        ("runner_retry", {}, "retry"),
    ],
)
def test_kinds(name, result, kind):
    assert playbook_event(raw(name, res=result)).kind == kind


def test_a_task_is_known_by_its_role_and_by_what_its_module_returned():
    event = playbook_event(raw("runner_on_ok", role="images", res={"blob": "sha256:1"}))
    assert (event.role, event.returned) == ("images", {"blob": "sha256:1"})
    failed = playbook_event(raw("runner_on_failed", role="preflight", res={"msg": "no"}))
    assert failure_of(failed).role == "preflight"


def test_what_tells_a_user_nothing_is_no_event():
    assert playbook_event(raw("runner_item_on_ok")) is None


def test_a_failure_that_the_playbook_ignores_is_none():
    assert failure_of(playbook_event(raw("runner_on_failed", res={}, ignore_errors=True))) is None


def test_each_failed_item_of_a_loop_is_told_once():
    items = [
        {"failed": True, "msg": "no such package", "item": "a"},
        {"failed": False, "msg": "fine", "item": "b"},
        {"failed": True, "msg": "no such package", "item": "c"},
        {"failed": True, "msg": "held", "stderr": "E: held packages\n", "item": "d"},
    ]
    result = {"msg": "One or more items failed", "results": items}
    assert message_of(result) == "no such package\nheld"
    assert output_of(result) == "E: held packages"


def test_only_the_last_lines_of_a_program_and_errors_before_output():
    lines = "\n".join(f"line {number}" for number in range(100))
    assert output_of({"stderr": lines, "stdout": "never"}).splitlines()[0] == "line 88"
    assert output_of({"stderr": "  \n", "stdout": "said"}) == "said"


def test_a_hidden_result_says_that_it_is_hidden():
    assert message_of({"censored": "the output has been hidden"}) == "the output has been hidden"
    assert message_of({}) == "it did not say why"


def test_what_a_module_wants_to_be_known_is_told_though_all_went_well():
    event = playbook_event(raw("runner_on_ok", res={"changed": True, "notes": ["see there"]}))
    assert event.notes == ("see there",)


def test_a_host_that_goes_on_was_not_lost_though_what_it_asked_could_not_be_reached():
    lost = playbook_event(raw("runner_on_unreachable", res={"msg": "off"}))
    failed = playbook_event(raw("runner_on_failed", res={"msg": "no"}))
    found = failures_after((), lost)
    assert [failure.message for failure in found] == ["off"]
    assert failures_after(found, playbook_event(raw("runner_on_start"))) == ()
    assert failures_after(found, playbook_event(raw("runner_on_start", host="b"))) == found
    assert [failure.message for failure in failures_after(found, failed)] == ["no"]
    # a block's `always` runs after a failure
    stands = failures_after((), failed)
    assert failures_after(stands, playbook_event(raw("runner_on_ok", res={}))) == stands
