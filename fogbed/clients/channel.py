"""A channel gives a node's stdin and stdout: an argv prefix, and nothing else.

``nsenter …`` on the laptop, ``docker exec -i …`` and ``kubectl exec -i …`` on kind, ``ssh …`` on
Pis. What is done on a node is done by the agent that is sent through it.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from fogbed.clients import process
from fogbed.clients.process import Outcome


@dataclass(frozen=True, slots=True)
class Channel:
    """How to run a program on one node.

    ``python`` is the interpreter (>= 3.9) to use there. ``is_shell``: what follows the prefix is
    read by a shell (sshd starts one), so that words are quoted.
    """

    node: str
    prefix: tuple[str, ...]
    python: str = "python3"
    is_shell: bool = False

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return what to start here so that ``argv`` is run there, word by word as given."""
        return [*self.prefix, *([shlex.join(argv)] if self.is_shell else argv)]

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: str | None = None) -> Outcome:
        """Run a program on the node to its end; ``stdin`` is what it reads.

        Raises:
            CommandError: it could not be started or took longer than ``timeout_s`` seconds.
        """
        return process.run(self.argv(argv), timeout_s=timeout_s, stdin=stdin)

    def open(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on the node with pipes for its stdin and stdout (both binary)."""
        return subprocess.Popen(
            self.argv(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
