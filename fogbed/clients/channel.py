"""A channel gives a node's stdin and stdout: an argv prefix, and nothing else.

``nsenter …`` on the laptop, ``docker exec -i …`` and ``kubectl exec -i …`` on kind, ``ssh …`` on
Pis. What is done on a node is done by the agent that is sent through it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from fogbed.clients import process
from fogbed.clients.process import Outcome


@dataclass(frozen=True, slots=True)
class Channel:
    """How to run a program on one node.

    ``python`` is the interpreter (>= 3.9) to use there.
    """

    node: str
    prefix: tuple[str, ...]
    python: str = "python3"

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: str | None = None) -> Outcome:
        """Run a program on the node to its end; ``stdin`` is what it reads.

        Raises:
            CommandError: it could not be started or took longer than ``timeout_s`` seconds.
        """
        return process.run([*self.prefix, *argv], timeout_s=timeout_s, stdin=stdin)

    def open(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on the node with pipes for its stdin and stdout (both binary)."""
        return subprocess.Popen(
            [*self.prefix, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
