"""A testbed's file is changed where it must be, and stays as it is everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import SpecError, UsageError
from fogbed.spec import parse_testbed
from fogbed.spec.edit import (
    add_node,
    change_address,
    remove_node,
    set_kubernetes_version,
    settled,
)
from fogbed.spec.testbed import Node, Testbed

SOUND = Path(__file__).parents[2] / "cases" / "spec" / "sound"
HEAD = """\
# the lab's own
apiVersion:   fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: fog, key:   ~/.ssh/id_ed25519}   # two spaces, three
"""
PICO = (
    HEAD
    + """\
nodes:
  # the cloud
  - {name: pico-0, address: 192.0.2.10, role: control-plane, tier: cloud}
  - {name: pico-1, address: 192.0.2.11, tier: fog,   labels: {zone: brussels}} # by the window
  # the edge

  - {name: pico-[2:9], address: 192.0.2.[12:19], tier: edge}     # ranges expand together

# what runs there
services:
    grafana: {enabled: false}
"""
)
NEW = {"name": "pico-10", "address": "192.0.2.30", "tier": "edge", "labels": {"zone": "yes"}}


def read(text: str) -> Testbed:
    return parse_testbed(text, "testbed.yml")


def with_nodes(testbed: Testbed, nodes: list[Node]) -> Testbed:
    return testbed.model_copy(update={"nodes": tuple(nodes)})


def lines_that_differ(old: str, new: str) -> tuple[list[str], list[str]]:
    before, after = old.splitlines(), new.splitlines()
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return before, after


def test_a_node_is_added_behind_the_last_one_in_its_style():
    assert lines_that_differ(PICO, add_node(PICO, NEW)) == (
        [],
        ['  - {name: pico-10, address: 192.0.2.30, tier: edge, labels: {zone: "yes"}}'],
    )


RANGE = "  - {name: pico-[2:9], address: 192.0.2.[12:19], tier: edge}     # ranges expand together"


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("pico-2", [("pico-[3:9]", "192.0.2.[13:19]")]),
        ("pico-3", [("pico-2", "192.0.2.12"), ("pico-[4:9]", "192.0.2.[14:19]")]),
        ("pico-5", [("pico-[2:4]", "192.0.2.[12:14]"), ("pico-[6:9]", "192.0.2.[16:19]")]),
        ("pico-9", [("pico-[2:8]", "192.0.2.[12:18]")]),
    ],
)
def test_a_range_is_split_around_what_is_removed(name, around):
    old, new = lines_that_differ(PICO, remove_node(PICO, name))
    assert old == [RANGE]
    assert new == [
        RANGE.replace("pico-[2:9]", names).replace("192.0.2.[12:19]", addresses)
        for names, addresses in around
    ]


def test_a_node_of_its_own_takes_its_line_with_it():
    old, new = lines_that_differ(PICO, remove_node(PICO, "pico-1"))
    assert (len(old), new) == (1, [])
    assert "pico-1," in old[0]


def test_a_node_leaves_its_range_with_a_new_address():
    _, new = lines_that_differ(PICO, change_address(PICO, "pico-5", "192.0.2.77"))
    assert [line.split(", tier")[0].strip() for line in new] == [
        "- {name: pico-[2:4], address: 192.0.2.[12:14]",
        "- {name: pico-5, address: 192.0.2.77",
        "- {name: pico-[6:9], address: 192.0.2.[16:19]",
    ]


BLOCK = HEAD + (
    "nodes:\n"
    '- name: "cp"\n'
    "  address: 192.0.2.1   # the switch's port 1\n"
    "  tier: cloud\n"
    "  role: control-plane\n"
    "-\n"
    "  # the boards\n"
    "  name: 'edge-[08:10]'\n"
    "  tier: edge\n"
    "  address: '192.0.2.[18:20]'\n"
    "  # the end\n"
    "\n"
    "kubernetes:\n"
    "  pod_cidr: 10.244.0.0/16 # as ever\n"
)


def test_entries_over_several_lines():
    assert lines_that_differ(BLOCK, add_node(BLOCK, NEW))[1] == [
        "- name: pico-10",
        "  address: 192.0.2.30",
        "  tier: edge",
        '  labels: {zone: "yes"}',
    ]
    assert lines_that_differ(BLOCK, remove_node(BLOCK, "edge-09"))[1] == [
        "  name: 'edge-08'",
        "  tier: edge",
        "  address: '192.0.2.18'",
        "-",
        "  # the boards",
        "  name: 'edge-10'",
        "  tier: edge",
        "  address: '192.0.2.20'",
    ]
    assert lines_that_differ(BLOCK, remove_node(BLOCK, "cp"))[0] == BLOCK.splitlines()[7:11]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kubernetes: {version: '1.35', cni: flannel}\n", "{version: '1.36', cni: flannel}\n"),
        ('kubernetes:\n  version: "1.35"  # held\n', '\n  version: "1.36"  # held\n'),
        ("kubernetes: {cni: flannel}\n", '{version: "1.36", cni: flannel}\n'),
        ("kubernetes: {}\n", '{version: "1.36"}\n'),
        ("kubernetes:\n    cni: flannel\n", '\n    version: "1.36"\n    cni: flannel\n'),
        ("", '\n  version: "1.36"\n'),
    ],
)
def test_the_version_is_set_where_it_stands_or_should(old, new):
    assert set_kubernetes_version(PICO + old, "1.36") == (
        PICO + ("kubernetes:" if new[0] == "\n" else "kubernetes: ") + new
    )


def test_json_stays_json():
    text = (
        '{"apiVersion": "fogbed/v1", "kind": "Testbed", "name": "a", "platform": "local",'
        ' "nodes": [{"name": "n-[1:2]", "tier": "edge"}, '
        '{"name": "c", "tier": "cloud", "role": "control-plane"}]}\n'
    )
    assert read(remove_node(text, "n-1")).nodes[0].name == "n-2"
    assert '"kubernetes": {"version": "1.36"}}' in set_kubernetes_version(text, "1.36")
    assert read(add_node(text, {"name": "d", "tier": "fog"})).nodes[-1].name == "d"
    assert remove_node(text, "c").endswith('"nodes": [{"name": "n-[1:2]", "tier": "edge"}]}\n')


def test_an_alias_is_left_to_the_user():
    text = HEAD + (
        "nodes:\n"
        "  - {name: a, address: &one 192.0.2.1, tier: cloud, role: control-plane}\n"
        "  - {name: b, address: *one, tier: edge}\n"
    ).replace("*one,", "*one ,")
    with pytest.raises(SpecError):
        read(text)
    with pytest.raises(UsageError, match="cannot change"):
        remove_node(text, "b")


def test_a_change_that_came_out_wrong_is_not_taken():
    with pytest.raises(UsageError, match="cannot change"):
        settled(PICO, "testbed.yml", with_nodes(read(PICO), []))


def test_what_would_be_wrong_names_the_file():
    text = add_node(PICO, {**NEW, "address": "192.0.2.11", "tier": "edg"})
    with pytest.raises(SpecError) as wrong:
        settled(text, "lab.yml", read(PICO))
    assert str(wrong.value.details) == (
        "lab.yml:14: nodes[3].address: 192.0.2.11 is given twice, first in line 10; "
        "addresses must differ\n"
        "lab.yml:14: nodes[3].tier: 'edg' is not allowed here; did you mean edge?"
    )


# -- any file -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    text: str
    testbed: Testbed


REMARKS = st.sampled_from(["", " # by the window", "    #", "  # [a:b], {c}"])
NAMES = st.sampled_from(["{}", '"{}"', "'{}'"])


@st.composite
def entries(draw: st.DrawFn, number: int) -> list[str]:
    """One entry's keys as texts, a range or not."""
    count = draw(st.integers(1, 5))
    first = draw(st.sampled_from([0, 1, 8, 98]))
    zeros = draw(st.sampled_from(["d", "02d", "03d"]))
    quoted = draw(NAMES)
    if count == 1 and draw(st.booleans()):
        name, address = f"n{number}-x", f"10.0.{number}.7"
    else:
        last = first + count - 1
        name = f"n{number}e[{first:{zeros}}:{last:{zeros}}]"
        address = f"10.0.{number}.[{first}:{last}]"
    keys = [f"name: {quoted.format(name)}", f"address: {quoted.format(address)}"]
    keys.append("tier: edge")
    keys += draw(st.sampled_from([[], ["slots: 2"], ["labels: {zone: 'a.b'}"]]))
    return list(draw(st.permutations(keys)))


def in_block(keys: list[str], remark: str, draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        space = draw(st.sampled_from(["", " "]))
        return f"  - {{{space}" + ", ".join(keys) + f"{space}}}{remark}\n"
    return f"  -   {keys[0]}{remark}\n" + "".join(f"      {key}\n" for key in keys[1:])


def in_flow(all_keys: list[list[str]], draw: st.DrawFn) -> str:
    items = ["{" + ", ".join(keys) + "}" for keys in all_keys]
    if draw(st.booleans()):
        return "nodes: [" + ",  ".join(items) + draw(st.sampled_from(["]\n", ",]\n", " ]\n"]))
    comma = draw(st.sampled_from(["", ","]))
    lines = [f"  {item},{draw(REMARKS)}\n" for item in items[:-1]]
    return "nodes: [\n" + "".join(lines) + f"  {items[-1]}{comma}{draw(REMARKS)}\n]\n"


@st.composite
def files(draw: st.DrawFn) -> File:
    """Sound testbeds as people write them."""
    # the first must be the only control-plane node: it is no range
    first = ["name: c", "address: 10.0.250.1", "role: control-plane", "tier: cloud"]
    count = draw(st.integers(1, 4))
    all_keys = [first, *(draw(entries(number)) for number in range(1, count + 1))]
    if draw(st.booleans()):
        nodes = in_flow(all_keys, draw)
    else:
        between = st.sampled_from(["", "\n", "  # a remark: of its own\n"])
        body = "".join(in_block(keys, draw(REMARKS), draw) + draw(between) for keys in all_keys)
        nodes = "nodes: # all\n" + body
    tail = draw(
        st.sampled_from(
            ["", "kubernetes:\n    cni: flannel\n", "kubernetes: {version: '1.35'}\n", "# end"]
        )
    )
    text = HEAD + nodes + tail
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = text.rstrip()
    return File(text, read(text))


def assert_kept(old: str, new: str, *, lines: int) -> None:
    """All lines of ``old`` stand in ``new`` but for ``lines`` of them, which are together."""
    changed, _ = lines_that_differ(old, new)
    assert len(changed) <= lines
    assert old.count("\r") == 0 or new.count("\n") == new.count("\r\n")


@given(
    file=files(),
    slots=st.none() | st.integers(1, 9),
    value=st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True),
)
def test_an_added_node_is_all_that_is_new(file, slots, value):
    fields = {"name": "new", "address": "10.1.0.1", "tier": "fog", "labels": {"k": value}}
    fields |= {} if slots is None else {"slots": slots}
    wanted = with_nodes(file.testbed, [*file.testbed.nodes, Node.model_validate(fields)])
    text = settled(add_node(file.text, fields), "testbed.yml", wanted)
    assert_kept(file.text, text, lines=1)


@given(file=files(), data=st.data())
def test_a_removed_node_is_all_that_is_gone(file, data):
    gone = data.draw(st.sampled_from(file.testbed.nodes[1:]))
    wanted = with_nodes(file.testbed, [node for node in file.testbed.nodes if node != gone])
    text = settled(remove_node(file.text, gone.name), "testbed.yml", wanted)
    # an entry has at most five lines, or all are on one
    assert_kept(file.text, text, lines=6)


@given(file=files(), data=st.data())
def test_a_changed_address_is_all_that_changes(file, data):
    moved = data.draw(st.sampled_from(file.testbed.nodes))
    wanted = with_nodes(
        file.testbed,
        [
            node.model_copy(update={"address": "10.1.0.1"}) if node == moved else node
            for node in file.testbed.nodes
        ],
    )
    text = settled(change_address(file.text, moved.name, "10.1.0.1"), "testbed.yml", wanted)
    assert_kept(file.text, text, lines=6)


@given(file=files(), version=st.sampled_from(["1.36", "1.37.2"]))
def test_a_set_version_is_all_that_changes(file, version):
    kubernetes = file.testbed.kubernetes.model_copy(update={"version": version})
    wanted = file.testbed.model_copy(update={"kubernetes": kubernetes})
    text = settled(set_kubernetes_version(file.text, version), "testbed.yml", wanted)
    assert_kept(file.text, text, lines=1)


@given(file=files())
def test_adding_and_removing_gives_the_same_bytes(file):
    text = add_node(file.text, {"name": "new", "address": "10.1.0.1", "tier": "fog"})
    assert remove_node(text, "new").rstrip() == file.text.rstrip() or "nodes: [" in file.text
