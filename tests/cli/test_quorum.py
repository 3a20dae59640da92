"""An even number of control-plane nodes: allowed, since one more or less passes it; and told."""

from __future__ import annotations

import json

import pytest

from fogbed.cli import main

TWO = (
    "2 control-plane nodes: the loss of either stops etcd, and the cluster with it; "
    "have 1, or 3, which stand the loss of one\n"
)
FOUR = "4 control-plane nodes stand the loss of 1, as 3 do; 5 stand the loss of 2\n"
ADD = ["node", "add", "pico-8", "--address", "127.9.9.18", "--role", "control-plane"]


@pytest.fixture
def bed(pico):
    """Give the testbed that many control-plane nodes, behind one address."""

    def write(many):
        last = many - 1
        text = pico.read_text(encoding="utf-8")
        text = text.replace(
            "name: pico-0, address: 127.9.9.10,",
            f"name: cp-[0:{last}], address: 127.9.8.[0:{last}],",
        )
        text = text.replace('{version: "1.35"}', '{version: "1.35", endpoint: "127.9.9.99:6443"}')
        pico.write_text(text, encoding="utf-8")
        return pico

    return write


@pytest.mark.parametrize(("many", "note"), [(1, ""), (2, TWO), (3, ""), (4, FOUR), (5, "")])
def test_check_finds_it_valid_and_tells(bed, many, note, capsys):
    file = bed(many)
    assert main(["check", file.name]) == 0
    said = capsys.readouterr()
    assert said.out == f"{file.name}: Testbed pico is valid\n"
    assert said.err == (f"{file.name}: {note}" if note else "")
    assert main(["check", file.name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["valid"]
    assert shown["files"][0]["notes"] == note.splitlines()


@pytest.mark.parametrize(("many", "note"), [(1, TWO), (2, ""), (3, FOUR)])
def test_one_control_plane_node_more(bed, playbooks, many, note, capsys):
    file = bed(many)
    assert main([*ADD, "--dry-run"]) == 0
    assert capsys.readouterr().err == note
    assert main(ADD) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{note}pico-8 is written into {file}\n")
    assert [order.name for order, _, _ in playbooks.ran] == ["node-add"]
    assert main(["check", file.name]) == 0


@pytest.mark.parametrize(("many", "note"), [(3, TWO), (2, ""), (5, FOUR)])
def test_one_control_plane_node_less(bed, playbooks, many, note, capsys):
    file = bed(many)
    assert main(["node", "remove", "cp-1", "--yes"]) == 0
    said = capsys.readouterr().err
    assert note in said
    assert "stand" not in said.replace(note, "")
    assert [order.name for order, _, _ in playbooks.ran] == ["node-remove"]
    assert "cp-1" not in file.read_text(encoding="utf-8")


def test_a_worker_more_says_nothing_of_the_control_plane(bed, capsys):
    bed(2)
    assert main(["node", "add", "pico-8", "--address", "127.9.9.18", "--dry-run"]) == 0
    assert capsys.readouterr().err == ""


def test_up_tells(bed, playbooks, capsys, ssh_that):
    bed(2)
    ssh_that("exit 0")
    assert main(["up", "--check"]) == 0
    assert capsys.readouterr().err.startswith(TWO)
    assert [order.name for order, _, _ in playbooks.ran] == ["site"]


def test_several_without_an_address_for_all_are_still_refused(pico, capsys):
    before = pico.read_text(encoding="utf-8")
    assert main(ADD) == 2
    assert "no address for all of them" in capsys.readouterr().err
    assert pico.read_text(encoding="utf-8") == before
