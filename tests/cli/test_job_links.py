"""Before a job is submitted by hand its testbed gets the buffers that its network asks for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fogbed import paths, spec
from fogbed.cli.job_options import Target, fit_links
from fogbed.errors import NetworkError
from fogbed.plan.network import plan_network
from fogbed.plan.placement import Place
from fogbed.spec.network_profile import NetworkProfile

PINNED = {
    "rides": Place(tier="edge"),
    "nearest": Place(tier="fog"),
    "results": Place(tier="cloud"),
}
REQUEST = SimpleNamespace(
    parallelism={"rides": 1, "parse": 1, "nearest": 1, "results": 1}, placement=PINNED
)


class Platform:
    """Has a network in force, or one that nobody can tell; remembers what was asked of it."""

    def __init__(self, plan=None):
        self._plan, self.asked = plan, []

    def emulator(self):
        return self

    def show(self):
        if self._plan is None:
            raise NetworkError("edge-1: no answer")
        return self._plan

    def use_links(self, asked, _progress):
        self.asked.append(asked)
        return "as it was chosen"


def target(plan, *, jobs=(), long_links="auto"):
    testbed = spec.load_testbed(paths.asset("inventory", "laptop.yml"))
    flink = testbed.services.flink.model_copy(update={"long_links": long_links})
    services = testbed.services.model_copy(update={"flink": flink})
    testbed = testbed.model_copy(update={"services": services})
    client = SimpleNamespace(jobs=lambda: [SimpleNamespace(state=state) for state in jobs])
    platform = Platform(plan(testbed) if plan else None)
    return Target(client, SimpleNamespace(), platform, testbed=testbed)


def far(testbed):
    links = [{"between": ["edge", "fog"], "delay": "50ms"}]
    fields = {"apiVersion": "fogbed/v1", "kind": "NetworkProfile", "name": "x", "links": links}
    return plan_network(NetworkProfile.model_validate(fields), testbed)


def test_the_network_in_force_is_what_counts(capsys):
    asked = target(far, jobs=["FINISHED"])
    fit_links(asked, REQUEST)
    (demand,) = asked.platform.asked
    assert (demand.rtt_ms, demand.buffers["fog-1"].most) == (100.0, 20)
    assert "long links: as it was chosen" in capsys.readouterr().err


@pytest.mark.parametrize("given", [{"jobs": ["RUNNING"]}, {"long_links": "off"}])
def test_a_job_that_runs_and_a_testbed_that_fixes_them_keep_their_buffers(given):
    asked = target(far, **given)
    fit_links(asked, REQUEST)
    assert asked.platform.asked == []


def test_a_network_that_cannot_be_told_is_no_reason_to_refuse_the_job(capsys):
    asked = target(None)
    fit_links(asked, REQUEST)
    assert asked.platform.asked == []
    assert "which network is in force is not known: edge-1: no answer" in capsys.readouterr().err


def test_a_jobmanager_without_a_testbed_is_left_alone():
    fit_links(Target(SimpleNamespace(), SimpleNamespace()), REQUEST)
