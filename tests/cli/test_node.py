"""``fogbed node`` up to the point where a node is needed, and past it where none answers."""

from __future__ import annotations

import json

import pytest

from fogbed import spec
from fogbed.cli import main
from fogbed.platforms.pi.folder import PiFolder

ADD = ["node", "add", "pico-9", "--address", "127.9.9.19"]
LINE = "  - {name: pico-9, address: 127.9.9.19, tier: edge}\n"


def text_of(path):
    return path.read_text(encoding="utf-8")


def rows(shown):
    lines = [line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line] for line in lines]


# -- list -----------------------------------------------------------------------------------------


def test_list_before_there_is_a_cluster(pico, capsys):
    assert pico.exists()
    assert main(["node", "list"]) == 0
    shown = capsys.readouterr()
    assert rows(shown.out)[:2] == [
        ["pico-0", "control-plane", "cloud", "127.9.9.10", "", "", "unknown", ""],
        ["pico-1", "worker", "edge", "127.9.9.11", "1", "", "unknown", ""],
    ]
    assert shown.err == "there is no cluster yet; fogbed up makes it\n"


def test_list_with_a_cluster_has_what_only_it_has_too(cluster, capsys):
    del cluster.versions["pico-2"]
    cluster.versions["stranger"] = "v1.34.0"
    assert main(["node", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["cluster"], each["version"]) for each in listed] == [
        ("pico-0", "Ready", "v1.35.4"),
        ("pico-1", "Ready", "v1.35.4"),
        ("pico-2", "not in the cluster", ""),
        ("pico-3", "Ready", "v1.35.4"),
        ("stranger", "Ready, not in the file", "v1.34.0"),
    ]


def test_list_on_a_laptop(pico, capsys):
    assert pico.exists()
    assert main(["node", "list", "-t", "laptop", "--json"]) == 0
    assert {each["cluster"] for each in json.loads(capsys.readouterr().out)} == {""}


# -- add ------------------------------------------------------------------------------------------


def test_add_dry_run_changes_nothing(pico, capsys):
    before = text_of(pico)
    assert main([*ADD, "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        f"pico-9 would be written into {pico}\n"
        "pico-9 at 127.9.9.19 would join the cluster of pico\n"
    )
    assert text_of(pico) == before


def test_add_refuses_a_name_that_ansible_has_for_a_group(pico, capsys):
    before = text_of(pico)
    assert main(["node", "add", "worker", "--address", "127.9.9.19"]) == 2
    assert "worker has a meaning of its own; write worker-1" in capsys.readouterr().err
    assert text_of(pico) == before


def test_add_is_refused_with_every_problem_of_the_file_it_would_make(pico, capsys):
    before = text_of(pico)
    bad = ["node", "add", "Pico_9", "--address", "127.9.9.12", "--tier", "edg", "--label", "a=b/c"]
    assert main(bad) == 2
    assert capsys.readouterr().err == (
        f"error: 4 problems in {pico}\n"
        f"{pico}:10: nodes[2].address: 127.9.9.12 is given twice, first in line 9; "
        "addresses must differ\n"
        f"{pico}:10: nodes[2].labels.a: 'b/c' is not a label; write up to 63 of letters, digits, "
        "'-', '_', '.'\n"
        f"{pico}:10: nodes[2].name: 'Pico_9' is not a name (RFC 1123: 1 to 63 of a-z, 0-9 and "
        "'-'); write pico-9\n"
        f"{pico}:10: nodes[2].tier: 'edg' is not allowed here; did you mean edge?\n"
        f"hint: {pico} was left as it is; the lines named are those it would have\n"
    )
    assert text_of(pico) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label", "zone"], "error: not a label: zone\nhint: write it like zone=brussels\n"),
        (
            ["-t", "laptop"],
            (
                "error: testbed laptop is of platform local; this is for platform pi\n"
                "hint: name another testbed with -t\n"
            ),
        ),
    ],
)
def test_add_that_cannot_be(words, said, pico, capsys):
    assert pico.exists()
    assert main([*ADD, *words]) in (1, 2)
    assert capsys.readouterr().err == said


def test_a_range_is_not_one_node(pico, capsys):
    assert pico.exists()
    assert main(["node", "add", "pico-[5:6]", "--address", "127.9.9.[15:16]"]) == 2
    assert capsys.readouterr().err == (
        "error: pico-[5:6] is a range\nhint: add one node at a time\n"
    )


def test_a_node_that_is_there_otherwise_is_not_changed(pico, capsys):
    assert main(["node", "add", "pico-2", "-a", "127.9.9.77", "--slots", "2"]) == 2
    assert capsys.readouterr().err == (
        f"error: pico-2 is in {pico} already, with address 127.9.9.12, no slots\n"
        "hint: take another name; or change the file by hand, then fogbed up\n"
    )


def test_the_same_node_again_goes_on(pico, capsys):
    pico.write_text(text_of(pico).replace("kubernetes:", LINE + "kubernetes:"), encoding="utf-8")
    assert main([*ADD, "--role", "worker", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(f"pico-9 is in {pico} already\n")


def test_where_the_file_is_must_be_known(pico, capsys):
    PiFolder("pico").begin(inventory="", spec=text_of(pico))
    pico.unlink()
    assert main(ADD) == 2
    assert capsys.readouterr().err == (
        "error: the file of testbed pico is not known, and this changes it\n"
        "hint: name it with -t FILE\n"
    )


def test_a_node_stays_in_the_file_when_its_machine_does_not_answer(pico, capsys):
    before = text_of(pico)
    assert main([*ADD, "--label", "zone=yes"]) == 1
    line = '  - {name: pico-9, address: 127.9.9.19, tier: edge, labels: {zone: "yes"}}\n'
    assert text_of(pico) == before.replace("kubernetes:", line + "kubernetes:")
    said = capsys.readouterr().err
    assert said.startswith(f"pico-9 is written into {pico}\n")
    assert "pico-9: " in said
    assert "Connection refused" in said
    folder = PiFolder("pico")
    assert spec.load_testbed(folder.spec) == spec.load_testbed(pico)
    assert folder.origin.read_text(encoding="utf-8") == f"{pico}\n"


# -- remove ---------------------------------------------------------------------------------------


def test_remove_says_what_it_does_and_asks(pico, capsys):
    before = text_of(pico)
    assert main(["node", "remove", "pico-2", "--purge"]) == 2
    told = (
        "From the cluster: pico-2; its pods move where there is room, others end\n"
        "On pico-2:\n"
        "  Kubernetes' state, certificates, network interfaces and packet filter rules\n"
        "  packages that fogbed installed (Kubernetes, containerd, Docker), with all images\n"
        "  and containers; files and units that it changed become what they were before\n"
        f"In {pico}: the node pico-2\n"
    )
    assert capsys.readouterr().err == (
        told + "error: nobody is there to ask; nothing was changed\nhint: give --yes\n"
    )
    assert main(["node", "remove", "pico-2", "--purge", "--dry-run"]) == 0
    assert capsys.readouterr().out == told
    assert text_of(pico) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "pico-0",
            (
                "error: pico-0 is the last control-plane node of pico\n"
                "hint: fogbed down -t pico removes the whole cluster\n"
            ),
        ),
        (
            "pico-7",
            "error: testbed pico has no node pico-7\nhint: it has pico-0, pico-1, pico-2, pico-3\n",
        ),
    ],
)
def test_a_node_that_cannot_be_removed(name, said, pico, capsys):
    assert pico.exists()
    assert main(["node", "remove", name, "--yes"]) == 2
    assert capsys.readouterr().err == said


def test_the_last_taskmanager_stays(pico, capsys):
    pico.write_text(text_of(pico).replace("[1:3]", "1").replace("[11:13]", "11"), encoding="utf-8")
    assert main(["node", "remove", "pico-1", "--yes"]) == 2
    assert capsys.readouterr().err == (
        "error: pico-1 carries the last TaskManager of pico\n"
        "hint: add another node first: fogbed node add NAME --address ADDRESS\n"
    )


def test_what_would_lack_a_node_is_named(pico, capsys):
    flink = "services: {flink: {jobmanager: {node: pico-2}}}\n"
    pico.write_text(text_of(pico) + flink, encoding="utf-8")
    assert main(["node", "remove", "pico-2", "--yes"]) == 2
    # the range became two lines: the last line of the file is one further down
    assert capsys.readouterr().err == (
        f"error: 1 problem in {pico}\n"
        f"{pico}:12: services.flink.jobmanager.node: there is no node pico-2; "
        "did you mean pico-3?\n"
        f"hint: {pico} was left as it is; the lines named are those it would have\n"
    )


def test_a_node_that_only_the_cluster_has_can_go(cluster, capsys):
    cluster.versions["stranger"] = "v1.35.4"
    assert main(["node", "remove", "stranger", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "From the cluster: stranger; its pods move where there is room, others end\n"
        "stranger is not in the testbed's file: its machine is left as it is\n"
    )


def test_a_node_stays_in_the_file_while_its_cluster_does_not_answer(pico, capsys):
    before = text_of(pico)
    assert main(["node", "remove", "pico-2", "--yes"]) == 1
    assert "pico-0: " in capsys.readouterr().err
    assert text_of(pico) == before


# -- replace --------------------------------------------------------------------------------------


def test_the_only_control_plane_node_is_not_replaced(pico, capsys):
    assert pico.exists()
    assert main(["node", "replace", "pico-0", "--yes"]) == 2
    assert capsys.readouterr().err == (
        "error: pico-0 is the only control-plane node: with its machine, the cluster goes\n"
        "hint: fogbed down -t pico, then fogbed up makes a new one\n"
    )


def test_nothing_is_replaced_by_a_machine_that_does_not_answer(pico, capsys):
    before = text_of(pico)
    assert main(["node", "replace", "pico-2", "--address", "127.9.9.99", "--yes"]) == 1
    assert capsys.readouterr().err == (
        "error: no SSH server answers at 127.9.9.99, port 1\n"
        "hint: is the new machine on, and is its address right?\n"
    )
    assert text_of(pico) == before
    assert not PiFolder("pico").root.exists()


# -- reboot ---------------------------------------------------------------------------------------


def test_reboot_takes_the_control_plane_first(pico, capsys):
    assert pico.exists()
    assert main(["node", "reboot", "pico-3", "pico-0", "pico-1", "--dry-run"]) == 0
    assert main(["node", "reboot", "--all", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "would restart, one after the other: pico-0, pico-1, pico-3\n"
        "would restart, one after the other: pico-0, pico-1, pico-2, pico-3\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "error: which nodes?\nhint: name them, or give --all\n"),
        (["pico-1", "--all"], "error: which nodes?\nhint: name them, or give --all\n"),
        (
            ["pico-1", "pico-x", "pico-y"],
            (
                "error: testbed pico has no node pico-x, pico-y\n"
                "hint: it has pico-0, pico-1, pico-2, pico-3\n"
            ),
        ),
        (
            ["pico-1"],
            (
                "One after the other restart: pico-1\n"
                "error: nobody is there to ask; nothing was changed\nhint: give --yes\n"
            ),
        ),
    ],
)
def test_a_reboot_that_does_not_begin(words, said, pico, capsys):
    assert pico.exists()
    assert main(["node", "reboot", *words]) == 2
    assert capsys.readouterr().err == said


# -- ssh and exec ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["ssh", "pico-9"], ["exec", "pico-1,pico-9", "--", "true"]])
def test_a_shell_on_a_node_that_is_not_there(words, pico, capsys):
    assert pico.exists()
    assert main(["node", *words]) == 2
    assert capsys.readouterr().err == (
        "error: testbed pico has no node pico-9\nhint: it has pico-0, pico-1, pico-2, pico-3\n"
    )


def test_exec_says_which_nodes_do_not_answer(pico, capsys):
    assert pico.exists()
    assert main(["node", "exec", "pico-1,pico-2", "--", "uptime", "-p"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "pico-1 | ssh: connect to host 127.9.9.11 port 1: Connection refused\n" in said.err
    assert said.err.endswith(
        "error: uptime -p failed on 2 of 2 nodes\n"
        "pico-1  255  pico-1 has no SSH server\n"
        "pico-2  255  pico-2 has no SSH server\n"
    )
