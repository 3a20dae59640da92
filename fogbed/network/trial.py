"""A throw-away network: a few namespaces and what emulates between them, for tests and benchmarks.

It is a testbed's network and nothing else: no Flink, no keeper. Leaving the block removes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fogbed.clients.channel import Channel
from fogbed.network.fabric_client import FabricEmulator
from fogbed.network.joined import Place, join
from fogbed.network.namespaces import create_namespace, inside
from fogbed.network.ports import PortKind
from fogbed.plan.local_processes import LocalEmulator

_READY_S = 180.0
_END_S = 5.0


class Trial:
    """Namespaces called ``nodes``, with addresses 10.78.0.1 and on, and what emulates between them.

    ``emulator``: "fabric", whose ports are of ``kind`` (the best there is, if nobody says), or
    "tc", where the kernel has netem.

    Attributes:
        channels: runs programs in each node's namespace.
        addresses: of each node.
        emulator: what it is asked by.
        process: the emulator's.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        kind: PortKind | None = None,
        emulator: LocalEmulator = "fabric",
    ) -> None:
        self.addresses = {node: f"10.78.0.{number}" for number, node in enumerate(nodes, 1)}
        self.namespaces: dict[str, int] = {}
        self.channels: dict[str, Channel] = {}
        self._kind = kind
        self._serves: LocalEmulator = emulator
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Make the namespaces, join them and start what emulates.

        Raises:
            NetworkError: the kernel refuses, or the emulator does not start.
        """
        with ExitStack() as undo:
            self._make_nodes(undo)
            places = [
                Place(node, f"{address}/24", self.namespaces[node])
                for node, address in self.addresses.items()
            ]
            # what joins them is in neither the caller's namespace nor a node's
            between = create_namespace()
            undo.callback(os.close, between)
            with inside(between):
                joined = join(self._serves, places, kind=self._kind)
            undo.callback(joined.close)
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="fogbed-trial-"))
            control = Path(folder, "control")
            memory = os.memfd_create("emulation")
            undo.callback(os.close, memory)
            self._command = joined.argv(control, memory)
            self._fds = [memory, *joined.descriptors]
            self.start()
            undo.callback(self._stop)
            self.emulator = FabricEmulator(control, self._serves)
            self.emulator.wait_until_ready(_READY_S)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what emulates and let go of the namespaces."""
        self._undo.close()

    def start(self) -> None:
        """Start what emulates, or another one in the place of one that died."""
        self.process = subprocess.Popen(self._command, pass_fds=self._fds)

    def _make_nodes(self, undo: ExitStack) -> None:
        for node in self.addresses:
            namespace = create_namespace()
            undo.callback(os.close, namespace)
            self.namespaces[node] = namespace
            enter = f"--net=/proc/{os.getpid()}/fd/{namespace}"
            # the system's Python, as on any node: our own may not be readable for every user
            self.channels[node] = Channel(node, ("nsenter", enter), _system_python())

    def _stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _system_python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
