"""Nodes that were removed without --purge: remembered, listed, purged later without a cluster."""

from __future__ import annotations

import json
import stat

import pytest

from fogbed.cli import main
from fogbed.clients.ansible_events import TaskFailure
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.removed import remember_replaced
from fogbed.spec.load import load_testbed

PURGE = ["node", "remove", "pico-2", "--purge", "--yes"]
TOLD = (
    "On pico-2 (127.9.9.12), removed earlier:\n"
    "  packages that fogbed installed (Kubernetes, containerd, Docker), with all images\n"
    "  and containers; files and units that it changed become what they were before\n"
)


@pytest.fixture
def removed(pico, playbooks, capsys):
    """A testbed that pico-2 was removed from, and not purged."""
    assert main(["node", "remove", "pico-2", "--yes"]) == 0
    assert capsys.readouterr().err.endswith(
        "pico-2 is no longer part of pico\n"
        "to give its machine back as it was found: fogbed node remove pico-2 --purge\n"
    )
    assert "pico-2" not in pico.read_text(encoding="utf-8")
    playbooks.ran.clear()
    return pico


def standing(capsys):
    assert main(["node", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    return {each["name"]: each["cluster"] for each in listed}


def failure(**fields):
    empty = {**dict.fromkeys(("play", "task", "role", "output"), ""), "is_unreachable": False}
    return TaskFailure(**{**empty, "host": "pico-2", "message": "said so", **fields})


def test_a_removed_node_is_listed_until_it_is_purged(removed, playbooks, capsys):
    removed.write_text(
        removed.read_text(encoding="utf-8").replace("user: fog", "user: other"), encoding="utf-8"
    )
    assert standing(capsys)["pico-2"] == "removed, not purged"
    assert stat.S_IMODE(PiFolder("pico").root.stat().st_mode) == 0o700
    assert main(PURGE) == 0
    said = capsys.readouterr().err
    assert said.startswith(TOLD)
    assert said.endswith("pico-2 is given back as it was found\n")
    assert playbooks.names() == [("reset", ["pico-2"])]
    ((order, variables, hosts),) = playbooks.ran
    assert order.variables == {"fogbed_purge": True}
    assert hosts["pico-2"]["ansible_host"] == "127.9.9.12"
    # as it was reached when it was removed, whatever the file says of the others now
    assert variables["ansible_user"] == "fog"
    assert "pico-2" not in standing(capsys)
    assert not order.inventory.exists()
    assert main(PURGE) == 2
    assert "testbed pico has no node pico-2" in capsys.readouterr().err


def test_the_cluster_keeps_its_own_inventory_meanwhile(removed, capsys):
    folder = PiFolder("pico")
    before = folder.inventory.read_text(encoding="utf-8"), folder.spec.read_text(encoding="utf-8")
    assert main(PURGE) == 0
    after = folder.inventory.read_text(encoding="utf-8"), folder.spec.read_text(encoding="utf-8")
    assert after == before
    assert removed.exists()
    assert capsys.readouterr().out == ""


def test_it_says_what_goes_and_asks(removed, playbooks, capsys):
    assert removed.exists()
    assert main(PURGE[:-1]) == 2
    assert capsys.readouterr().err == (
        TOLD + "error: nobody is there to ask; nothing was changed\nhint: give --yes\n"
    )
    assert main([*PURGE[:-1], "--dry-run"]) == 0
    assert capsys.readouterr().out == TOLD
    assert playbooks.ran == []


def test_to_remove_it_once_more_is_refused_with_the_way_out(removed, playbooks, capsys):
    assert removed.exists()
    assert main(["node", "remove", "pico-2", "--yes"]) == 2
    assert capsys.readouterr().err == (
        "error: pico-2 is removed already; its machine is not purged\n"
        "hint: fogbed node remove pico-2 --purge gives it back as it was found\n"
    )
    assert playbooks.ran == []


def test_a_purge_that_fails_is_given_again(removed, playbooks, capsys):
    assert removed.exists()
    playbooks.end["reset"] = {"returncode": 2, "failures": (failure(),)}
    assert main(PURGE) == 1
    assert "failed on pico-2" in capsys.readouterr().err
    assert standing(capsys)["pico-2"] == "removed, not purged"
    playbooks.end.clear()
    assert main(PURGE) == 0
    assert "pico-2" not in standing(capsys)


def test_a_node_that_was_off_when_it_was_to_be_purged_is_remembered(pico, playbooks, capsys):
    assert pico.exists()
    playbooks.end["node-remove"] = {"failures": (failure(is_unreachable=True),)}
    assert main(PURGE) == 0
    assert capsys.readouterr().err.endswith(
        "pico-2 did not answer: what is on its disk was left as it is\n"
        "to give its machine back as it was found: fogbed node remove pico-2 --purge\n"
    )
    assert standing(capsys)["pico-2"] == "removed, not purged"


def test_a_node_that_is_purged_at_once_is_not_remembered(pico, playbooks, capsys):
    assert pico.exists()
    assert main(PURGE) == 0
    assert capsys.readouterr().err.endswith("pico-2 is no longer part of pico\n")
    assert [order.variables["fogbed_purge"] for order, _, _ in playbooks.ran] == [True]
    assert "pico-2" not in standing(capsys)


@pytest.mark.parametrize(
    "name", ["pico-2", "pico-9"], ids=["the same", "its machine by another name"]
)
def test_a_node_that_is_added_again_is_forgotten(removed, playbooks, capsys, name):
    assert main(["node", "add", name, "--address", "127.9.9.12"]) == 0
    assert playbooks.names()[-1][0] == "node-add"
    assert not PiFolder("pico").removed.exists()
    assert removed.exists()
    assert standing(capsys)[name] == "unknown"
    assert "removed, not purged" not in standing(capsys).values()


def test_status_tells_of_it(removed, capsys):
    assert removed.exists()
    assert main(["status", "--json"]) == 0
    drift = json.loads(capsys.readouterr().out)["drift"]
    assert "pico-2 was removed, not purged; fogbed node remove pico-2 --purge" in drift


def test_down_purges_it_too(removed, playbooks, capsys, ssh_that):
    assert removed.exists()
    ssh_that("exit 0")
    assert main(["down", "--purge", "--dry-run"]) == 0
    line = "Removed earlier, not purged: pico-2; their machines are purged as well\n"
    assert line in capsys.readouterr().out
    assert main(["down", "--purge", "--yes"]) == 0
    assert line in capsys.readouterr().err
    assert playbooks.names() == [
        ("reset", ["pico-0", "pico-1", "pico-3"]),
        ("reset", ["pico-2"]),
    ]
    assert not PiFolder("pico").removed.exists()


def test_down_leaves_it_if_it_does_not_answer_and_says_how_to_go_on(
    removed, playbooks, capsys, ssh_that
):
    assert removed.exists()
    ssh_that('case "$*" in *127.9.9.12*) echo "port 1: Connection refused" >&2; exit 255;; esac')
    assert main(["down", "--purge", "--yes"]) == 0
    assert capsys.readouterr().err.endswith(
        "pico-2 has no SSH server; sudo systemctl enable --now ssh there\n"
        "pico-2 was left as it is; when it answers: fogbed node remove pico-2 --purge\n"
    )
    # the testbed is down, and its file is enough
    playbooks.ran.clear()
    assert main(PURGE) == 0
    assert playbooks.names() == [("reset", ["pico-2"])]
    assert not PiFolder("pico").spec.exists()


def test_down_gives_up_one_that_is_gone_for_good(removed, capsys, ssh_that):
    assert removed.exists()
    ssh_that('case "$*" in *127.9.9.12*) echo "port 1: Connection refused" >&2; exit 255;; esac')
    assert main(["down", "--purge", "--yes", "--forget-unreachable"]) == 0
    capsys.readouterr()
    assert "pico-2" not in standing(capsys)


def test_down_without_purge_says_that_it_stays(removed, capsys, ssh_that):
    assert removed.exists()
    ssh_that("exit 0")
    assert main(["down", "--yes"]) == 0
    line = "Removed earlier, not purged: pico-2; their machines stay as they are, without --purge\n"
    assert line in capsys.readouterr().err
    assert standing(capsys)["pico-2"] == "removed, not purged"


def test_what_somebody_spoilt_is_said(removed, capsys):
    assert removed.exists()
    place = PiFolder("pico").removed
    place.write_text("[{", encoding="utf-8")
    assert main(["node", "list"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {place} does not say which nodes were removed and not purged\n")
    assert said.endswith("hint: somebody has changed it; remove it if no such machine is left\n")


# -- replaced by another machine ------------------------------------------------------------------

KEYSCAN = 'for last; do :; done; echo "$last ssh-ed25519 AAAA"'
KEYGEN = """case "$1" in
-l) echo "256 SHA256:abc x (ED25519)";;
-R) echo "$2" >>"$(dirname "$0")/forgotten";;
esac"""
REPLACE = ["node", "replace", "pico-2", "--yes", "--address"]
PURGE_OLD = ["node", "remove", "pico-2-replaced", "--purge", "--yes"]


@pytest.fixture
def replaced(pico, playbooks, ssh_that, tmp_path, capsys):
    """A testbed in which another machine took the place of pico-2."""
    known = tmp_path / "known_hosts"
    known.write_text("127.9.9.12 ssh-ed25519 BBBB\n", encoding="utf-8")
    text = pico.read_text(encoding="utf-8").replace("port: 1", f"port: 1, known_hosts: {known}")
    pico.write_text(text, encoding="utf-8")
    ssh_that("exit 0")
    for name, script in (("ssh-keyscan", KEYSCAN), ("ssh-keygen", KEYGEN)):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o700)
    assert main([*REPLACE, "127.9.9.99"]) == 0
    assert capsys.readouterr().err.endswith(
        "pico-2 is part of pico again\n"
        "the machine at 127.9.9.12 is kept in mind as pico-2-replaced; to give it back as it was "
        "found: fogbed node remove pico-2-replaced --purge\n"
    )
    assert playbooks.names()[0][0] == "node-remove"
    playbooks.ran.clear()
    return pico


def test_a_replaced_machine_is_listed_until_it_is_purged(replaced, playbooks, capsys, tmp_path):
    assert "127.9.9.99" in replaced.read_text(encoding="utf-8")
    assert standing(capsys)["pico-2-replaced"] == "removed, not purged"
    assert "pico-2" in standing(capsys)
    forgotten = (tmp_path / "bin" / "forgotten").read_text(encoding="utf-8")
    assert "127.9.9.12" not in forgotten, "its host key is needed to reach it"
    assert main(PURGE_OLD) == 0
    assert capsys.readouterr().err.endswith("pico-2-replaced is given back as it was found\n")
    assert playbooks.names() == [("reset", ["pico-2-replaced"])]
    ((_, _, hosts),) = playbooks.ran
    assert hosts["pico-2-replaced"]["ansible_host"] == "127.9.9.12"
    assert "pico-2-replaced" not in standing(capsys)
    assert "pico-2" in standing(capsys)


def test_machines_that_were_replaced_one_after_the_other_are_told_apart(replaced, capsys):
    assert main([*REPLACE, "127.9.9.98"]) == 0
    assert "fogbed node remove pico-2-replaced-2 --purge" in capsys.readouterr().err
    assert {"pico-2-replaced", "pico-2-replaced-2"} <= standing(capsys).keys()
    # the first one comes back into its place, and is none of them any more
    assert main([*REPLACE, "127.9.9.12"]) == 0
    assert "pico-2-replaced" in capsys.readouterr().err
    kept = [name for name, where in standing(capsys).items() if where == "removed, not purged"]
    assert sorted(kept) == ["pico-2-replaced", "pico-2-replaced-2"]
    assert replaced.exists()


def test_a_join_that_fails_leaves_the_old_machine_remembered(replaced, playbooks, capsys):
    playbooks.end["node-add"] = {"returncode": 2, "failures": (failure(),)}
    assert main([*REPLACE, "127.9.9.98"]) == 1
    assert standing(capsys)["pico-2-replaced-2"] == "removed, not purged"
    assert replaced.exists()


def test_a_new_machine_at_the_same_address_leaves_nothing_to_remember(replaced, capsys):
    assert main(["node", "replace", "pico-2", "--new-host-key", "--yes"]) == 0
    assert capsys.readouterr().err.endswith("pico-2 is part of pico again\n")
    assert replaced.exists()


def test_a_name_with_no_room_for_more_is_cut(pico):
    bed = load_testbed(pico)
    node = bed.node("pico-2").model_copy(update={"name": "a" * 63})
    assert remember_replaced(bed, node) == "a" * 50 + "-replaced"
