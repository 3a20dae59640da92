"""Host keys of nodes: what a machine shows, what is known of it, and forgetting it.

A new machine in a node's place has another key; who says that it is new confirms the fingerprint,
and exactly that key is written down. The file is ``ssh.known_hosts``, else OpenSSH's own.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fogbed.clients import process
from fogbed.errors import PlatformError
from fogbed.platforms.pi.reach.ssh import located, ssh_argv
from fogbed.spec.testbed import Node, Ssh

_SCAN_S = 10
_SSH_PORT = 22
Acquaintance = Literal["known", "new", "other"]


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key as a line of known_hosts, and as people compare it: ``256 SHA256:… (ED25519)``."""

    line: str
    fingerprint: str

    @property
    def material(self) -> tuple[str, str]:
        """Kind and value, whatever the host is called."""
        _, kind, value = self.line.split()[:3]
        return kind, value


def known_hosts_file(ssh: Ssh) -> Path:
    """Return the file that the host keys of a testbed's nodes stand in."""
    named = located(ssh).known_hosts
    if named is not None:
        return Path(named)
    # of its own file OpenSSH takes ~ from the list of users, whatever HOME says
    return Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "known_hosts")


def scan(ssh: Ssh, address: str) -> tuple[HostKey, ...]:
    """Return the keys that the machine at an address shows.

    Raises:
        PlatformError: it shows none.
    """
    argv = ["ssh-keyscan", "-T", str(_SCAN_S), "-p", str(ssh.port), address]
    found = process.run(argv, timeout_s=3 * _SCAN_S)
    lines = [line for line in found.stdout.splitlines() if line and not line.startswith("#")]
    if not lines:
        raise PlatformError(
            f"no SSH server answers at {address}, port {ssh.port}",
            hint="is the new machine on, and is its address right?",
        )
    return tuple(sorted(_fingerprinted(lines), key=lambda key: key.material))


def acquaintance(ssh: Ssh, address: str, shown: Sequence[HostKey]) -> Acquaintance:
    """Say whether what an address shows is what is known of it; ``new``: nothing is."""
    file = known_hosts_file(ssh)
    if not file.exists():
        return "new"
    argv = ["ssh-keygen", "-F", _spelled(ssh, address), "-f", str(file)]
    found = process.run(argv, timeout_s=_SCAN_S).stdout.splitlines()
    words = [line.split() for line in found if line and not line.startswith(("#", "@"))]
    known = {kind: value for _, kind, value, *_ in words}
    if not known:
        return "new"
    offered = dict(key.material for key in shown)
    same = [offered[kind] == value for kind, value in known.items() if kind in offered]
    return "known" if same and all(same) else "other"


def forget(ssh: Ssh, address: str) -> None:
    """Remove every key of an address, whatever its port, from the known ones.

    Raises:
        CommandError: the file cannot be changed.
    """
    file = known_hosts_file(ssh)
    if not file.exists():
        return
    for name in dict.fromkeys((address, f"[{address}]:{ssh.port}")):
        argv = ["ssh-keygen", "-R", name, "-f", str(file)]
        process.run(argv, timeout_s=_SCAN_S).require()


def remember(ssh: Ssh, keys: Sequence[HostKey]) -> None:
    """Write confirmed keys down, so that no other one is accepted in their place."""
    file = known_hosts_file(ssh)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = file.read_bytes() if file.exists() else b""
    newline = "" if not before or before.endswith(b"\n") else "\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(newline + "".join(f"{key.line}\n" for key in keys))


def hang_up(ssh: Ssh, node: Node) -> None:
    """End the shared connection to a node, if there is one: its machine is about to change."""
    argv = [*ssh_argv(ssh, node), "-O", "exit"]
    process.run(argv, timeout_s=_SCAN_S)  # that there is none is fine


def _spelled(ssh: Ssh, address: str) -> str:
    return address if ssh.port == _SSH_PORT else f"[{address}]:{ssh.port}"


def _fingerprinted(lines: Sequence[str]) -> Iterator[HostKey]:
    argv = ["ssh-keygen", "-l", "-f", "-"]
    told = process.run(argv, timeout_s=_SCAN_S, stdin="".join(f"{line}\n" for line in lines))
    for line, words in zip(lines, told.require().stdout.splitlines(), strict=True):
        bits, fingerprint, *_, kind = words.split()
        yield HostKey(line, f"{bits} {fingerprint} {kind}")
