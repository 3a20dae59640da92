"""What sudo and sudo-rs 0.2.15 were heard to say, and what is understood of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from fogbed.platforms.pi.reach.refusals import explain

PLUGIN = Path("playbooks/become_plugins/any_sudo.py")
PROMPT = "[sudo via ansible, key=abc] password:"
DECORATED = f"[sudo: {PROMPT}] Password: ".encode()
NOT_ALLOWED = "sudo: I'm sorry fog. I'm afraid I can't do that"
WANTS_PASSWORD = "sudo: interactive authentication is required"  # noqa: S105 - words, not one


@pytest.fixture
def become():
    found = importlib.util.spec_from_file_location("any_sudo", PLUGIN)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    plugin = module.BecomeModule()
    plugin.prompt = PROMPT
    return plugin


@pytest.mark.parametrize("line", [DECORATED, PROMPT.encode(), b"\n" + DECORATED])
def test_a_prompt_is_known_wherever_it_stands(become, line):
    assert become.check_password_prompt(line)


def test_what_is_not_our_prompt_is_none(become):
    assert not become.check_password_prompt(b"[sudo: other] Password: ")


def test_both_kinds_say_that_a_password_was_wrong_or_is_missing(become):
    assert become.check_incorrect_password(b"sudo: Authentication failed, try again.\n")
    assert become.check_incorrect_password(b"Sorry, try again.\n")
    assert become.check_missing_password(f"{WANTS_PASSWORD}\n".encode())
    assert become.check_missing_password(b"sudo: a password is required\n")


def test_the_same_words_over_ssh():
    assert explain(WANTS_PASSWORD, "pi-7")[0] == "sudo on pi-7 wants a password"
    assert explain(NOT_ALLOWED, "pi-7")[0] == "sudo on pi-7 does not let ssh.user do this"
