"""``tests/cases/tc``: a profile on some nodes, and the commands that one of them would be given.

``python tests/unit/plan/test_tc_cases.py`` writes ``commands`` and ``changes`` anew, to be read in
the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.plan.network import plan_network
from fogbed.plan.tc import Egress, TcPeer, plan_tc
from fogbed.plan.tc_commands import as_commands
from fogbed.plan.tc_diff import diff
from fogbed.plan.tc_nodes import as_leaf
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.testbed import Testbed

HERE = Path(__file__).parents[2] / "cases" / "tc"
CASES = {path.stem: YAML(typ="safe").load(path) for path in sorted(HERE.glob("*.yml"))}
VERSION = {"apiVersion": "fogbed/v1"}


def plan_of(case, profile, installed=None):
    nodes = [{"name": name, "tier": node["tier"]} for name, node in case["nodes"].items()]
    bed = Testbed(**VERSION, kind="Testbed", name="some", platform="local", nodes=nodes)
    network = plan_network(
        NetworkProfile(**VERSION, kind="NetworkProfile", name="some", **profile), bed
    )
    egress = Egress(**case["device"])
    peers = [
        TcPeer(
            tuple(node["networks"]),
            tuple(node.get("hosts", ())),
            egress,
            as_leaf(network.between(case["node"], name), egress.mtu),
        )
        for name, node in case["nodes"].items()
        if name != case["node"]
    ]
    own = case["nodes"][case["node"]].get("hosts", ())
    return plan_tc(peers, own, installed=installed or {})


def commands_of(case):
    plan = plan_of(case, case["profile"])
    found = {"commands": as_commands(diff({}, plan))}
    if "then" in case:
        found["changes"] = as_commands(diff(plan, plan_of(case, case["then"], plan)))
    return {key: "".join(f"{line}\n" for line in lines) for key, lines in found.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_is_told_as_it_says(case):
    said = commands_of(case)
    assert said == {key: case[key] for key in said}


if __name__ == "__main__":
    for name, one in CASES.items():
        path = HERE / f"{name}.yml"
        kept = path.read_text(encoding="utf-8").partition("\ncommands: |\n")[0].rstrip()
        blocks = [
            f"{key}: |\n" + "".join(f"  {line}\n" for line in text.splitlines())
            for key, text in commands_of(one).items()
        ]
        path.write_text(kept + "\n" + "".join(blocks), encoding="utf-8")
