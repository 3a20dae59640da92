"""What shapes a laptop's links: found by trying, or as the testbed's file says."""

from __future__ import annotations

import subprocess

import pytest

from fogbed.errors import UsageError
from fogbed.platforms.local import emulators
from fogbed.platforms.local.emulators import check_emulation, require_serving, serving
from fogbed.spec.testbed import Testbed

NO_NETEM = "this kernel has no sch_netem"


def testbed_with(emulator):
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "bench",
            "platform": "local",
            "nodes": [{"name": "a", "tier": "cloud", "role": "control-plane"}],
            "network": {"emulator": emulator},
        }
    )


@pytest.fixture
def kernel(monkeypatch):
    """Return what says why tc cannot serve, "" if it can."""

    def lacks(why):
        monkeypatch.setattr(emulators, "_try_tc", lambda: why)

    return lacks


@pytest.mark.parametrize(
    ("lacking", "choice", "serves"),
    [("", "auto", "tc"), (NO_NETEM, "auto", "fabric"), ("", "tc", "tc"), ("", "fabric", "fabric")],
)
def test_the_kernel_s_own_serves_where_it_can_and_nobody_chose(kernel, lacking, choice, serves):
    kernel(lacking)
    assert require_serving(testbed_with(choice)).name == serves
    assert check_emulation(choice).ok


def test_where_the_fabric_is_chosen_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(emulators, "_try_tc", lambda: pytest.fail("tried"))
    assert serving("fabric").name == "fabric"


def test_tc_that_cannot_serve_is_refused_with_the_reason_and_the_way_out(kernel):
    kernel(NO_NETEM)
    with pytest.raises(UsageError, match="testbed bench says network: ") as refused:
        require_serving(testbed_with("tc"))
    assert NO_NETEM in refused.value.message
    assert "leave network: {emulator: tc} out" in refused.value.hint
    check = check_emulation("tc")
    assert (check.ok, check.blocks, check.found) == (False, True, f"no tc: {NO_NETEM}")


def test_why_tc_does_not_serve_is_told_by_the_doctor_and_up_refers_to_it(kernel):
    kernel(NO_NETEM)
    check = check_emulation("auto")
    assert check.found == f"the fabric (in user space); no tc: {NO_NETEM}"
    assert (check.ok, check.blocks) == (True, False)
    assert serving("auto").told == "the fabric (in user space); fogbed doctor says why not tc"
    kernel("")
    assert serving("auto").told == check_emulation("auto").found == "tc (netem, in the kernel)"


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (subprocess.CompletedProcess([], 0, '{"why": ""}', ""), ""),
        (subprocess.CompletedProcess([], 0, '{"why": "no"}', ""), "no"),
        (subprocess.CompletedProcess([], 0, "", ""), "the trial failed: Expecting value"),
        (
            subprocess.CalledProcessError(1, [], stderr="Traceback\nunshare: EPERM\n"),
            "the trial failed: unshare: EPERM",
        ),
        (subprocess.CalledProcessError(3, [], stderr=""), "the trial failed: it ended with 3"),
        (OSError(2, "no unshare"), "the trial failed: [Errno 2] no unshare"),
        (subprocess.TimeoutExpired([], 60), "the trial failed: Command '[]' timed out"),
    ],
)
def test_a_trial_that_fails_is_a_reason(monkeypatch, outcome, why):
    def run(argv, **_):
        if argv[-1] != "fogbed.network.tc_here":  # whether root may make namespaces
            return subprocess.CompletedProcess(argv, 0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    assert emulators._try_tc().startswith(why)
    assert bool(emulators._try_tc()) is bool(why)
