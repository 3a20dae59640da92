"""Ranges of nodes, quoted or bare, expand together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import spec
from fogbed.errors import SpecError
from fogbed.spec.document import Document
from fogbed.spec.part import Part
from fogbed.spec.ranges import expand_nodes
from fogbed.spec.testbed import Testbed

HEAD = "apiVersion: fogbed/v1\nkind: Testbed\nname: case\nplatform: local\nnodes:\n"
FIRST = "  - {name: pico-0, address: 192.0.2.10, role: control-plane, tier: cloud}\n"


def loaded(nodes: str, folder: Path) -> Testbed:
    path = folder / "case.yml"
    path.write_text(HEAD + FIRST + nodes, encoding="utf-8")
    return spec.load_testbed(path)


@pytest.mark.parametrize(
    "line",
    [
        "  - {name: pico-[2:4], address: 192.0.2.[12:14], tier: edge, slots: 2}\n",
        '  - {name: "pico-[2:4]", address: "192.0.2.[12:14]", tier: edge, slots: 2}\n',
        "  - name: pico-[2:4]\n    address: 192.0.2.[12:14]\n    tier: edge\n    slots: 2\n",
    ],
    ids=["bare", "quoted", "block"],
)
def test_names_and_addresses_expand_together(line: str, tmp_path: Path) -> None:
    _, *nodes = loaded(line, tmp_path).nodes
    assert [(node.name, node.address, node.slots) for node in nodes] == [
        ("pico-2", "192.0.2.12", 2),
        ("pico-3", "192.0.2.13", 2),
        ("pico-4", "192.0.2.14", 2),
    ]


def test_leading_zeros_give_the_width(tmp_path: Path) -> None:
    nodes = loaded("  - {name: n[08:10]-b, tier: fog}\n", tmp_path).nodes
    assert [node.name for node in nodes[1:]] == ["n08-b", "n09-b", "n10-b"]


@given(first=st.integers(0, 3000), count=st.integers(1, 50), shift=st.integers(0, 200))
def test_a_range_stands_for_all_it_spans_in_order(first: int, count: int, shift: int) -> None:
    last = first + count - 1
    node = {"name": f"n-[{first}:{last}]", "address": f"10.0.0.[{shift}:{shift + count - 1}]"}
    expanded = expand_nodes(Part(Document(file="x", tree=[node]), (), [node]))
    assert expanded.problems == []
    assert [part.value for part in expanded.parts] == [
        {"name": f"n-{first + i}", "address": f"10.0.0.{shift + i}"} for i in range(count)
    ]


def test_no_more_nodes_than_can_be_planned(tmp_path: Path) -> None:
    lines = "".join(f"  - {{name: {row}-[1:9999], tier: edge}}\n" for row in "abc")
    with pytest.raises(SpecError) as wrong:
        loaded(lines, tmp_path)
    assert "nodes[2]: there are more than 10,000 nodes; write smaller ranges" in str(
        wrong.value.details
    )
