"""Nodes over SSH: OpenSSH's own client, its connections shared."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fogbed import paths
from fogbed.clients.channel import Channel
from fogbed.plan.inventory import option_path, ssh_arguments
from fogbed.spec.testbed import Node, Ssh, Testbed

_CONNECT_S = 10
# How long a connection outlives the command that opened it, for the next one.
_PERSIST_S = 30

# sudo speaks the language of its user; its words are judged (refusals.py).
_AS_ROOT = ("env", "LC_ALL=C.UTF-8", "LANGUAGE=", "sudo", "-n", "--")


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
