"""An experiment on the network as it is: nothing of it is shaped, judged, or passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fogbed.experiment.record import sample_store
from fogbed.experiment.report.page import write_report

if TYPE_CHECKING:
    from conftest import Laboratory

    from fogbed.experiment.record.bundle import Bundle

NONE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: none
emulation: none
"""
WHY = "the profile none emulates nothing"
NOTHING_ELSE = """\
apiVersion: fogbed/v1
kind: Experiment
name: short
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 0s, measure: 5s, cooldown: 0s}
assert:
  - {emulation: within, tolerance: 3%, or: 1ms}
"""


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory, make_laboratory: type[Laboratory]) -> Laboratory:
    laboratory = make_laboratory(tmp_path_factory.mktemp("untouched"), "bed-untouched")
    (laboratory.folder / "profile.yml").write_text(NONE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_store, "SECONDS_PER_PART", 30)
        laboratory.run()
    return laboratory


@pytest.fixture(scope="module")
def bundle(hour: Laboratory) -> Bundle:
    return hour.bundle()


def test_what_asserts_the_emulation_is_not_judged_and_the_rest_is(bundle: Bundle) -> None:
    verdict = bundle.verdict()
    emulation, *others = verdict["assertions"]
    assert (emulation["ok"], emulation["value"]) == (None, None)
    assert emulation["detail"] == f"not judged: {WHY}"
    assert [each["ok"] for each in others] == [True, True]
    assert (verdict["status"], verdict["ok"], verdict["not_judged"]) == ("passed", True, 1)
    assert not [figure for figure in verdict["figures"] if "RTT" in figure["name"]]


def test_a_run_of_which_nothing_could_be_judged_has_not_passed(laboratory: Laboratory) -> None:
    (laboratory.folder / "profile.yml").write_text(NONE, encoding="utf-8")
    result = laboratory.run(NOTHING_ELSE)
    assert result.verdicts[0]["status"] == "not judged"
    assert not result.ok


def test_a_run_fails_by_what_was_judged(laboratory: Laboratory) -> None:
    (laboratory.folder / "profile.yml").write_text(NONE, encoding="utf-8")
    too_much = "  - {metric: rides_in_per_s, over: measure, stat: p50, min: 2000}\n"
    assert laboratory.run(NOTHING_ELSE + too_much).verdicts[0]["status"] == "failed"


def test_actions_on_the_network_are_left_out_and_the_others_done(
    hour: Laboratory, bundle: Bundle
) -> None:
    actions = bundle.events("action")
    assert [line["outcome"] for line in actions] == ["left out", "left out", "done", "done"]
    assert actions[0]["detail"] == {"why": WHY}
    assert (actions[0]["actual_s"], actions[0]["lateness_ms"]) == (None, None)
    touched = [plan for plan in hour.platform.links.history if plan is not None]
    assert [int(plan.index.any()) for plan in touched] == [0]


def test_the_network_is_measured_and_written_without_a_verdict(bundle: Bundle) -> None:
    states = bundle.matrices()
    assert [state["label"] for state in states] == ["start", "profile"]
    for state in states:
        assert (state["ok"], state["not_judged"]) == (None, WHY)
        assert state["bare_rtt_ms"][2][1] == pytest.approx(0.1)
        assert state["rtt_p50_ms"][2][1] is not None
        verdicts = [state[name][2][1] for name in ("within", "error_ms", "allowed_error_ms")]
        assert verdicts == [None, None, None]
    (verified,) = bundle.events("network-verified")
    assert (verified["ok"], verified["not_judged"]) == (None, WHY)
    assert bundle.samples(["rtt_asked_ms"]).empty
    assert not bundle.samples(["rtt_ms"]).empty


def test_the_report_says_so_in_its_head_its_timeline_and_its_matrices(bundle: Bundle) -> None:
    page = " ".join(write_report(bundle.folder).read_text(encoding="utf-8").split())
    assert "2 of 3 assertions hold, 1 was not judged." in page
    assert '<td class="odd">not judged</td>' in page
    left_out = f'<span class="odd">left out</span><br><span class="soft">{WHY}</span>'
    assert page.count(left_out) == 2
    assert page.count(f"measured and not judged: {WHY}") == 2
    assert ">within tolerance<" not in page
    assert "Nothing was emulated, so nothing was asked." in page
