"""What OpenSSH, sudo and Ansible say, in our words, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.clients.ansible_events import TaskFailure
from fogbed.platforms.pi.playbook import way_out
from fogbed.platforms.pi.reach.refusals import explain, sudo_right

ROWS = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "refusals.yml")
OF_SUDO_N = [row for row in ROWS if "right" in row]
GO_ON = "mend it, then give the command again: it goes on from here"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["heard"][:50])
def test_words_become_ours(row):
    meaning, fix = explain(row["heard"], "it", user="fog")
    assert meaning == row["means"]
    assert bool(fix) is ("way_out" in row)
    assert row.get("way_out", "") in (fix or "")


@pytest.mark.parametrize("row", OF_SUDO_N, ids=lambda row: row["heard"])
def test_a_password_is_told_from_a_refusal(row):
    said = {"is_root": False, "code": 1, "heard": row["heard"]}
    assert sudo_right(**said, groups={"fog", "sudo"}) == row["right"]


def test_what_sudo_did_not_refuse():
    groups = {"fog", "sudo"}
    assert sudo_right(is_root=True, code=0, heard="", groups=groups) == "root"
    assert sudo_right(is_root=False, code=0, heard="", groups=groups) == "passwordless"
    assert sudo_right(is_root=False, code=127, heard="", groups=groups) == "missing"


def test_who_is_in_no_group_that_may_is_told_from_who_has_a_password():
    """sudo says of both that a password is required, until the right one is given."""
    heard = "sudo: a password is required"
    assert sudo_right(is_root=False, code=1, heard=heard, groups={"fog", "docker"}) == "outsider"


def test_who_is_meant_is_said_where_nobody_was_named():
    meaning, fix = explain("fog is not in the sudoers file.", "pi-7")
    assert meaning == "sudo on pi-7 does not let ssh.user do this"
    assert fix == "as root there: usermod -aG sudo USER"


def failure(message, role="cni", *, is_unreachable=False):
    return TaskFailure(
        host="pi-7",
        play="Hosts",
        task="Do it",
        role=role,
        message=message,
        output="",
        is_unreachable=is_unreachable,
    )


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (failure("Task failed: Missing sudo password"), "--ask-become-pass"),
        (failure("Task failed: Incorrect sudo password"), "give the right one"),
        (failure("fog is not in the sudoers file."), "usermod -aG sudo"),
        (failure("sudo: Ein Passwort ist notwendig"), "fogbed node ssh pi-7, then sudo id"),
        (failure("Permission denied (publickey).", is_unreachable=True), "authorized_keys"),
        (failure("Host key verification failed.", is_unreachable=True), "--new-host-key"),
        (failure("No route to host", is_unreachable=True), "is it on"),
        (failure("connect (113: No route to host) Failed to fetch http://m"), "sources.apt"),
        (failure("No space left on device"), "make room on pi-7"),
        (failure("the card is worn out"), GO_ON),
        # a refusal of preflight's ends with its own way out
        (failure("sudo: sudo on it wants a password; allow it", role="preflight"), GO_ON),
    ],
)
def test_a_playbook_that_failed_has_the_way_out(failed, words):
    assert words in way_out(failed)
