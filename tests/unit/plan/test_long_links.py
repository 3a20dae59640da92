"""What an experiment's links and job ask of Flink's network buffers, and what a testbed gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from fogbed import spec
from fogbed.errors import UsageError
from fogbed.plan.cluster import LINKS, facts_from
from fogbed.plan.flink_buffers import Buffers, LinkDemand, links_text
from fogbed.plan.local_memory import laptop_buffers
from fogbed.plan.long_links import plan_demand
from fogbed.plan.manifests import plan_manifests, render_manifests
from fogbed.plan.network import plan_network
from fogbed.plan.placement import Place
from fogbed.spec.network_profile import NetworkProfile

MIB, GIB = 2**20, 2**30
ONE_EACH = {"rides": 1, "parse": 1, "nearest": 1, "results": 1}
TIERS = {
    "rides": Place(tier="edge"),
    "nearest": Place(tier="fog"),
    "results": Place(tier="cloud"),
}
NODES = """
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog, slots: 3}
  - {name: edge-1, tier: edge}
  - {name: edge-2, tier: edge}
"""


@pytest.fixture
def written(tmp_path):
    def write(nodes=NODES, flink="", platform="local"):
        path = tmp_path / "testbed.yml"
        head = f"apiVersion: fogbed/v1\nkind: Testbed\nname: bench\nplatform: {platform}\nnodes:"
        services = f"services: {{flink: {{{flink}}}}}\n" if flink else ""
        path.write_text(f"{head}{nodes}{services}", encoding="utf-8")
        return spec.load_testbed(path)

    return write


def network(testbed, *links):
    fields = {"apiVersion": "fogbed/v1", "kind": "NetworkProfile", "name": "x", "links": links}
    return plan_network(NetworkProfile.model_validate(fields), testbed)


def asked(testbed, *links, width=ONE_EACH, placement=TIERS):
    return plan_demand([network(testbed, *links)], [width], placement, testbed)


FAR = ({"between": ["edge", "fog"], "delay": "50ms"},)


def test_the_link_with_the_most_on_its_way_counts_not_the_longest(written):
    testbed = written()
    demand = asked(
        testbed,
        {"between": ["edge", "cloud"], "delay": "900ms"},  # none of the job's rides pass there
        {"between": ["edge", "fog"], "delay": "100ms", "rate": "100mbit"},
        {"from": "fog", "to": "cloud", "delay": "75ms"},
        {"from": "cloud", "to": "fog", "delay": "25ms", "rate": "10mbit"},
    )
    # both edges together: what comes in at the fog is all that leaves it
    assert (demand.rtt_ms, demand.rate_bps) == (200.0, 100_000_000)
    near = asked(
        testbed,
        {"between": ["edge", "fog"], "delay": "100ms", "rate": "100mbit"},
        {"between": ["fog", "cloud"], "delay": "80ms"},
    )
    assert (near.rtt_ms, near.rate_bps) == (160.0, 200_000_000)


def test_no_hop_is_asked_for_more_than_the_slowest_lets_through(written):
    slow = asked(
        written(),
        {"between": ["edge", "fog"], "delay": "1ms", "rate": "1mbit"},
        {"between": ["fog", "cloud"], "delay": "500ms"},
    )
    assert (slow.rtt_ms, slow.rate_bps) == (1000.0, 2_000_000)
    anywhere = asked(
        written(),
        {"between": ["edge", "fog"], "delay": "1ms", "rate": "1mbit"},
        {"between": ["fog", "cloud"], "delay": "500ms"},
        placement={},
    )
    assert anywhere.rate_bps is None


def test_a_network_that_comes_later_counts_too(written):
    testbed = written()
    plans = [network(testbed), network(testbed, *FAR)]
    demand = plan_demand(plans, [ONE_EACH], TIERS, testbed)
    assert demand.rtt_ms == 100.0


def test_an_untouched_network_asks_for_nothing(written):
    assert asked(written()).on_its_way == 0


def test_each_node_counts_what_of_the_job_may_be_there(written):
    buffers = asked(written()).buffers
    # edge: rides sends, parse receives and sends; fog: nearest both; cloud: results receives
    assert buffers["edge-1"] == Buffers(least=2 + 3 + 2, most=30)
    assert buffers["fog-1"] == Buffers(least=3 + 2, most=20)
    assert buffers["cloud-1"] == Buffers(least=3, most=10)


def test_a_wider_job_counts_at_its_widest_and_a_slot_takes_one_subtask(written):
    testbed = written()
    widths = [ONE_EACH, ONE_EACH | {"nearest": 3}, ONE_EACH | {"nearest": 2}]
    demand = plan_demand([network(testbed)], widths, TIERS, testbed)
    assert demand.buffers["fog-1"].most == 3 * (10 + 10)
    assert demand.buffers["cloud-1"].most == 2 * 3 + 8
    one_slot = written(NODES.replace(", slots: 3", ""))
    demand = plan_demand([network(one_slot)], widths, TIERS, one_slot)
    assert demand.buffers["fog-1"].most == 10 + 10


def test_an_operator_without_a_place_may_be_anywhere(written):
    buffers = asked(written(), placement={}).buffers
    assert {each.most for each in buffers.values()} == {3 * 2 * 10}


def configs(text):
    return YAML(typ="safe").load(text)


def taskmanagers(plan_local_of, testbed, **more):
    plan = plan_local_of(testbed, **more)
    return {each.node: each for each in plan.of("taskmanager")}


def test_off_and_no_experiment_are_what_was_there_byte_for_byte(written, laptop_plan):
    bare, off = written(), written(flink="long_links: off")
    far = asked(bare, *FAR)
    assert laptop_plan(bare) == laptop_plan(off)
    assert laptop_plan(off, links=far, computer=GIB) == laptop_plan(bare)
    assert laptop_plan(bare, links=asked(bare)) == laptop_plan(bare)


def test_a_laptops_taskmanager_grows_by_what_its_buffers_take(written, laptop_plan):
    testbed = written()
    far = asked(testbed, *FAR, width=ONE_EACH | {"nearest": 3})
    fog = taskmanagers(laptop_plan, testbed, links=far, computer=64 * GIB)["fog-1"]
    (text,) = fog.files.values()
    config = configs(text)
    assert config["taskmanager.memory.segment-size"] == f"{MIB}b"
    assert config["taskmanager.memory.network.max"] == f"{60 * MIB}b"
    # what a job has on its heap stays
    assert config["taskmanager.memory.task.heap.size"] == f"{128 * MIB}b"
    assert f"-XX:MaxDirectMemorySize={(64 + 60) * MIB}" in fog.argv


def test_a_computer_that_has_none_to_spare_gives_none(written):
    testbed = written()
    far = asked(testbed, *FAR, placement={}, width=ONE_EACH | {"parse": 2})
    roomy, tight = (laptop_buffers(testbed, far, size)[0] for size in (64 * GIB, 4 * GIB))
    assert max(roomy.network.values()) > 32 * MIB
    assert set(tight.network.values()) == {32 * MIB}
    assert tight.segment < roomy.segment
    assert "no more fits" in tight.told


def test_a_size_that_is_written_keeps_its_taskmanager(written, laptop_plan):
    testbed = written(flink="taskmanager: {memory: 1g}")
    far = asked(testbed, *FAR, placement={}, width=dict.fromkeys(ONE_EACH, 2))
    (text,) = taskmanagers(laptop_plan, testbed, links=far)["fog-1"].files.values()
    config = configs(text)
    network_memory = int(config["taskmanager.memory.network.max"][:-1])
    assert network_memory > 56 * MIB
    usual = (1024 - 56 - 64 - 64 - 160 - 128) * MIB
    heap = int(config["taskmanager.memory.task.heap.size"][:-1])
    assert heap == usual + 56 * MIB - network_memory


def test_a_size_with_too_few_buffers_is_refused_with_the_way_out(written, laptop_plan):
    with pytest.raises(UsageError) as refused:
        laptop_plan(written(flink="long_links: 4m"))
    assert refused.value.details == (
        "services.flink.long_links: 32 buffers of 4m fit into fog-1's TaskManager; "
        "a job needs 45 there; write a smaller size, or auto"
    )


KIND = """
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog, slots: 2}
  - {name: edge-1, tier: edge}
"""


def arguments(manifests, node):
    (body,) = [each.body for each in manifests if each.name == f"taskmanager-{node}"]
    (container,) = body["spec"]["template"]["spec"]["containers"]
    words = dict(word.split("=", 1) for word in container["args"] if "=" in word)
    return body, container, words


def test_pods_have_the_same_size_everywhere_and_grow_by_nothing(written):
    testbed = written(KIND, platform="kind")
    far = asked(testbed, *FAR, width=ONE_EACH | {"nearest": 2}, placement={})
    facts = replace(facts_from(testbed), links=far)
    usual, long = (plan_manifests(testbed, each) for each in (facts_from(testbed), facts))
    for node in ("cloud-1", "fog-1", "edge-1"):
        _, container, words = arguments(long, node)
        body, before, had = arguments(usual, node)
        assert words["taskmanager.memory.segment-size"] == f"{MIB}b"
        assert container["resources"] == before["resources"]
        moved = ("taskmanager.memory.network.max", "taskmanager.memory.task.heap.size")
        assert sum(int(words[key][:-1]) for key in moved) == sum(
            int(had[key][:-1]) for key in moved
        )
        assert LINKS not in body["metadata"].get("annotations", {})


def test_what_pods_buffers_were_chosen_by_stands_beside_them(written):
    testbed = written(KIND, platform="kind")
    far = asked(testbed, *FAR)
    body, _, _ = arguments(
        plan_manifests(testbed, replace(facts_from(testbed), links=far)), "fog-1"
    )
    assert body["metadata"]["annotations"][LINKS] == links_text(far)


def test_manifests_without_long_links_are_as_they_were(written):
    testbed, off = written(KIND, platform="kind"), written(KIND, "long_links: off", "kind")
    near = replace(facts_from(testbed), links=LinkDemand(rtt_ms=2.0))
    plain = render_manifests(testbed, facts_from(testbed))
    assert render_manifests(testbed, near) == plain
    assert render_manifests(off, replace(facts_from(off), links=asked(off, *FAR))) == plain
