"""A channel gives a node's stdin and stdout: an argv prefix, and nothing else.

``nsenter …`` on the laptop, ``docker exec -i …`` and ``kubectl exec -i …`` on kind, ``ssh …`` on
Pis. What is done on a node is done by the agent that is sent through it.
"""

from __future__ import annotations

import base64
import io
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from fogbed.clients import process
from fogbed.clients.process import Outcome

_BEGINS = "fogbed-begins-here"
# What csh, fish or zsh read otherwise than sh does, though it stands between single quotes.
_TOLD_APART = re.compile(r"[\\\n!]|(^|\s)[=%]")


@dataclass(frozen=True, slots=True)
class Channel:
    """How to run a program on one node.

    ``python`` is the interpreter (>= 3.9) to use there. ``is_shell``: what follows the prefix is
    read by a login shell (sshd starts one), whichever that is. ``through``: what starts the program
    there, as in ``sudo -n --``.
    """

    node: str
    prefix: tuple[str, ...]
    python: str = "python3"
    is_shell: bool = False
    through: tuple[str, ...] = ()

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return what to start here so that ``argv`` is run there, word by word as given."""
        words = [*self.through, *argv]
        return [*self.prefix, *([in_any_shell(words)] if self.is_shell else words)]

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: str | None = None) -> Outcome:
        """Run a program on the node to its end; ``stdin`` is what it reads.

        Raises:
            CommandError: it could not be started or took longer than ``timeout_s`` seconds.
        """
        outcome = process.run(self._marked(argv), timeout_s=timeout_s, stdin=stdin)
        if not self.is_shell:
            return outcome
        _, mark, after = outcome.stdout.partition(f"{_BEGINS}\n")
        return replace(outcome, stdout=after) if mark else outcome

    def open(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on the node with pipes for its stdin and stdout (both binary).

        Of a login shell, read its stdout as a file: what the shell said first is left out there.
        """
        started = subprocess.Popen(
            self._marked(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if self.is_shell:
            said = cast("io.BufferedReader", started.stdout)
            started.stdout = io.BufferedReader(cast("io.RawIOBase", _PastGreeting(said)))
        return started

    def _marked(self, argv: Sequence[str]) -> list[str]:
        """Return ``argv(...)`` that says when it begins.

        What comes before is the login shell's: a greeting in somebody's .bashrc.
        """
        command = self.argv(argv)
        if self.is_shell:
            command[-1] = f"echo {_BEGINS}; {command[-1]}"
        return command


class _PastGreeting(io.RawIOBase):
    """What a program says, without what its login shell said before; all if it never began."""

    def __init__(self, said: io.BufferedReader) -> None:
        self._said = said
        self._has_begun = False
        self._unmarked = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._has_begun:
            line = self._said.readline()
            self._has_begun = not line or line.endswith(f"{_BEGINS}\n".encode())
            self._unmarked = self._unmarked + line if not self._has_begun or not line else b""
        content = self._unmarked[: len(buffer)] or self._said.read1(len(buffer))
        self._unmarked = self._unmarked[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        super().close()
        self._said.close()


def in_any_shell(argv: Sequence[str]) -> str:
    """Return a command line that sh, bash, zsh, csh and fish read as the words of ``argv``."""
    line = shlex.join(argv)
    if not _TOLD_APART.search(line):
        return line
    packed = base64.b64encode(f"exec {line}".encode()).decode()
    return f"sh -c 'eval \"$(printf %s {packed} | base64 -d)\"'"
