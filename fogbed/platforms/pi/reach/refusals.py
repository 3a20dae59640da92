"""What SSH and sudo say, and Ansible of them, where nobody gets through; what it means, a way out.

The one table of it. The playbooks have this file too, by a link, and may run in a Python that has
no fogbed: it imports the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# wrong: the password that was given; password: one is asked for; none: this user may not; missing:
# there is no sudo; other: sudo's own words are passed on.
Sudo = Literal["wrong", "password", "none", "missing", "other"]
# As the doctor tells of it before anybody gave a password.
SudoRight = Literal["root", "passwordless", "password", "outsider", "none", "missing"]

# As sudo and sudo-rs (Ubuntu's since 25.10) say it themselves, for Ansible's become plugin.
WRONG_PASSWORD = ("Authentication failed, try again.", "incorrect authentication attempts")
PASSWORD_WANTED = ("interactive authentication is required",)
# Those that distributions let use sudo; who else may stands in files that root alone reads.
_SUDO_GROUPS = frozenset({"admin", "sudo", "wheel"})
_NO_PROGRAM = 127
_ADD = "as root there: usermod -aG sudo {user}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row: ``pattern`` in what was heard; {node}, {user} and {0}, the match, are filled in."""

    pattern: str
    meaning: str
    way_out: str | None
    sudo: Sudo | None = None


# The first that fits: what is sure stands before what may be meant.
_TABLE = (
    Refusal(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{node} shows another host key than before",
        "if it was set up anew: fogbed node replace {node} --new-host-key; else find out why",
    ),
    Refusal(
        r"Host key verification failed",
        "{node} shows a host key that is not known",
        "log in once with ssh and compare the key; if another was known: fogbed node replace "
        "{node} --new-host-key",
    ),
    Refusal(
        r"Permission denied \(",
        "{node} does not let us in",
        "is ssh.user right, and does its ~/.ssh/authorized_keys have the public half of ssh.key? "
        "One with a passphrase: ssh-add",
    ),
    Refusal(
        r"(Load key|Identity file|no such identity).*(No such file|not accessible)",
        "the key of ssh.key is not there",
        "name the private key, as in ~/.ssh/id_ed25519",
    ),
    Refusal(
        r"UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "others may read the key of ssh.key, so ssh does not use it",
        "chmod 600 on it",
    ),
    Refusal(
        r"Connection refused",
        "{node} has no SSH server",
        "sudo systemctl enable --now ssh there",
    ),
    Refusal(
        r"timed out|No route to host|Network is unreachable",
        "{node} cannot be reached",
        "is it on, and is its address right?",
    ),
    Refusal(r"Could not resolve hostname", "the address of {node} has no meaning here", None),
    Refusal(
        r"python3?\S*: (No such file|not found|command not found)|interpreter \S+ was not found"
        r"|No python interpreters",
        "{node} has no Python 3",
        "there: sudo apt install python3",
    ),
    Refusal(
        r"(?i)incorrect sudo password|(sorry|authentication failed), try again"
        r"|incorrect (password|authentication) attempt",
        "sudo on {node} does not take the password that was given",
        "give the right one with --ask-become-pass",
        "wrong",
    ),
    Refusal(
        r"(?i)not in the sudoers|may not run|not allowed to (run|execute)|is not allowed to"
        r"|I can't do that|must have a tty",
        "sudo on {node} does not let {user} do this",
        _ADD,
        "none",
    ),
    Refusal(
        r"sudo\S* .*not found|command not found: sudo|sudo: (No such file|unknown command)",
        "{node} has no sudo",
        "as root there: apt install sudo",
        "missing",
    ),
    Refusal(
        r"(?i)missing sudo password|sudo: .*(password|authentication) is required"
        r"|premature end of stream waiting for become",
        "sudo on {node} wants a password",
        "allow it without one there, or give --ask-become-pass",
        "password",
    ),
    Refusal(
        r"(?i)waiting for (become|privilege)",
        "sudo on {node} did not take the password in time",
        "is it sudo's there? Give the right one with --ask-become-pass",
        "wrong",
    ),
    # In whatever language: its name before its words is the same in all of them. That it does not
    # know its own host is a warning.
    Refusal(
        r"(?m)^sudo: (?!unable to resolve host).+",
        "sudo on {node} does not let {user}: {0}",
        "try it there by hand: fogbed node ssh {node}, then sudo id",
        "other",
    ),
)


def find_refusal(heard: str, *, of_sudo: bool = False) -> Refusal | None:
    """Return the first row that fits what was heard; ``of_sudo``: of those about sudo."""
    rows = [row for row in _TABLE if row.sudo or not of_sudo]
    return next((row for row in rows if re.search(row.pattern, heard)), None)


def explain(
    heard: str, node: str, *, user: str = "", of_sudo: bool = False
) -> tuple[str, str | None]:
    """Return what was heard in our words, and the way out; its last line where it is unknown.

    ``user``: who was to get through, where that is known; ``of_sudo``: sudo alone was asked.
    """
    row = find_refusal(heard, of_sudo=of_sudo)
    if row is None:
        return last_line(heard) or f"{node} did not say why", None
    match = re.search(row.pattern, heard)
    found = match[0].removeprefix("sudo: ") if match else ""
    way_out = row.way_out.format(node=node, user=user or "USER") if row.way_out else None
    return row.meaning.format(found, node=node, user=user or "ssh.user"), way_out


def last_line(heard: str) -> str:
    """Return the last line that is not empty; "" where there is none."""
    return next((line for line in reversed(heard.strip().splitlines()) if line.strip()), "")


def sudo_right(*, is_root: bool, code: int, heard: str, groups: Collection[str]) -> SudoRight:
    """Return what ``sudo -n true`` showed of a user: its exit code, its words, the groups.

    Who may not use it is told so by sudo-rs at once, by sudo only after the right password.
    """
    if is_root or code == 0:
        return "root" if is_root else "passwordless"
    if code == _NO_PROGRAM:
        return "missing"
    row = find_refusal(heard, of_sudo=True)
    if row is not None and row.sudo == "none":
        return "none"
    return "password" if _SUDO_GROUPS & set(groups) else "outsider"
