"""Nodes over SSH: OpenSSH's own client, its connections shared, its errors in our words."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fogbed import paths
from fogbed.clients.channel import Channel
from fogbed.plan.inventory import option_path, ssh_arguments
from fogbed.spec.testbed import Node, Ssh, Testbed

_CONNECT_S = 10
# How long a connection outlives the command that opened it, for the next one.
_PERSIST_S = 30

# sudo speaks the language of its user; its words are judged here.
_AS_ROOT = ("env", "LC_ALL=C.UTF-8", "LANGUAGE=", "sudo", "-n", "--")

# OpenSSH's words -> what they mean, the way out; {node}, {address} and {port} are filled in.
_MEANINGS: tuple[tuple[str, str, str | None], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
        "{node} shows another host key than before",
        "if it was set up anew: fogbed node replace {node} --new-host-key; else find out why",
    ),
    (
        r"Permission denied \(",
        "{node} does not let us in",
        "is ssh.user right, and does its ~/.ssh/authorized_keys have the public half of ssh.key?",
    ),
    (
        r"(Load key|Identity file|no such identity).*(No such file|not accessible)",
        "the key of ssh.key is not there",
        "name the private key, as in ~/.ssh/id_ed25519",
    ),
    (
        r"UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "others may read the key of ssh.key, so ssh does not use it",
        "chmod 600 on it",
    ),
    (r"Connection refused", "{node} has no SSH server", "sudo systemctl enable --now ssh there"),
    (
        r"timed out|No route to host|Network is unreachable",
        "{node} cannot be reached",
        "is it on, and is its address right?",
    ),
    (r"Could not resolve hostname", "the address of {node} has no meaning here", None),
    (
        r"sudo: .*(password|authentication) is required",
        "sudo on {node} wants a password",
        "allow it without one there, or give --ask-become-pass",
    ),
    (
        r"(?i)not in the sudoers|may not run|is not allowed to|I can't do that",
        "sudo on {node} does not let ssh.user do this",
        "as root there: usermod -aG sudo USER",
    ),
    (
        r"sudo\S* .*not found|command not found: sudo|sudo: (No such file|unknown command)",
        "{node} has no sudo",
        "as root there: apt install sudo",
    ),
)


def ssh_options(ssh: Ssh) -> list[str]:
    """Return the options of every connection: key, port, known hosts, no questions, shared."""
    return [
        "-o", f"IdentityFile={option_path(located(ssh).key)}",
        "-p", str(ssh.port),
        "-o", "BatchMode=yes",
        "-o", f"ConnectTimeout={_CONNECT_S}",
        "-o", "ServerAliveInterval=15",
        "-o", "ControlMaster=auto",
        "-o", f"ControlPath={_connection(located(ssh))}",
        "-o", f"ControlPersist={_PERSIST_S}",
        *ssh_arguments(located(ssh)),
    ]  # fmt: skip


def _connection(ssh: Ssh) -> str:
    # OpenSSH's own %C does not tell keys apart: a connection that one key has opened would let in
    # whoever names another. Short, for a socket's path may have 104 characters.
    digest = hashlib.sha256(f"{ssh.key}\n{ssh.known_hosts}".encode()).hexdigest()
    return option_path(f"{paths.runtime_dir()}/{digest[:6]}\0").replace("\0", "%C")


def located(ssh: Ssh) -> Ssh:
    """Return how Pis are reached, with its files as absolute paths: ``~`` is ``$HOME``.

    OpenSSH alone would take ``~`` from the list of users, whatever HOME says.
    """
    files = {"key": ssh.key, "known_hosts": ssh.known_hosts}
    known = {name: str(Path(text).expanduser().absolute()) for name, text in files.items() if text}
    return ssh.model_copy(update=known)


def ssh_argv(ssh: Ssh, node: Node) -> list[str]:
    """Return how a command on a node begins; nothing after it is a shell on that node."""
    return ["ssh", *ssh_options(ssh), f"{ssh.user}@{node.address}"]


def channel(testbed: Testbed, name: str, *, sudo: bool = False) -> Channel:
    """Return how to run programs on a node; with ``sudo`` as root, if it asks for no password."""
    if testbed.ssh is None:
        raise ValueError(f"testbed {testbed.name} is not reached over SSH")
    prefix = (*ssh_argv(testbed.ssh, testbed.node(name)), "--")
    return Channel(name, prefix, is_shell=True, through=_AS_ROOT if sudo else ())


def explain(stderr: str, node: str) -> tuple[str, str | None]:
    """Return what OpenSSH's (or sudo's) words mean, and the way out; its last line if unknown."""
    for pattern, meaning, way_out in _MEANINGS:
        if re.search(pattern, stderr):
            return meaning.format(node=node), way_out.format(node=node) if way_out else None
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    return lines[-1] if lines else f"{node} did not say why", None
