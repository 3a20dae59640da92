"""A throw-away network: a few namespaces joined by a fabric, for tests and benchmarks.

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
from fogbed.network.namespaces import create_namespace
from fogbed.network.ports import PortKind, open_port

_READY_S = 60.0
_END_S = 5.0


class Trial:
    """Namespaces called ``nodes``, with addresses 10.78.0.1 and on, and a running fabric.

    Attributes:
        channels: runs programs in each node's namespace.
        addresses: of each node.
        emulator: the fabric's.
        fabric: the fabric's process.
    """

    def __init__(self, nodes: Sequence[str], *, kind: PortKind, seed: int = 0) -> None:
        self.addresses = {node: f"10.78.0.{number}" for number, node in enumerate(nodes, 1)}
        self.namespaces: dict[str, int] = {}
        self.channels: dict[str, Channel] = {}
        self._kind = kind
        self._seed = seed
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Make the namespaces and ports and start the fabric.

        Raises:
            NetworkError: the kernel refuses, or the fabric does not start.
        """
        with ExitStack() as undo:
            self._make_nodes(undo)
            ports = [self._open_port(node, undo) for node in self.addresses]
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="fogbed-trial-"))
            control = Path(folder, "fabric")
            command = [sys.executable, "-m", "fogbed.network.fabric", "--control", str(control)]
            memory = os.memfd_create("fabric")
            undo.callback(os.close, memory)
            command += ["--seed", str(self._seed), "--memory", str(memory)]
            for argument, _ in ports:
                command += ["--port", argument]
            self._command, self._fds = command, [memory, *(fd for _, fd in ports)]
            self.start_fabric()
            undo.callback(self._stop_fabric)
            self.emulator = FabricEmulator(control)
            self.emulator.wait_until_ready(_READY_S)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the fabric and let go of the namespaces."""
        self._undo.close()

    def start_fabric(self) -> None:
        """Start the fabric, or another one in the place of one that died."""
        self.fabric = subprocess.Popen(self._command, pass_fds=self._fds)

    def _make_nodes(self, undo: ExitStack) -> None:
        for node in self.addresses:
            namespace = create_namespace()
            undo.callback(os.close, namespace)
            self.namespaces[node] = namespace
            enter = f"--net=/proc/{os.getpid()}/fd/{namespace}"
            # the system's Python, as on any node: our own may not be readable for every user
            self.channels[node] = Channel(node, ("nsenter", enter), _system_python())

    def _open_port(self, node: str, undo: ExitStack) -> tuple[str, int]:
        address = f"{self.addresses[node]}/24"
        port = open_port(self._kind, self.namespaces[node], node=node, address=address)
        undo.callback(port.close)
        return port.argument(), port.fd

    def _stop_fabric(self) -> None:
        self.fabric.terminate()
        try:
            self.fabric.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.fabric.kill()
            self.fabric.wait()


def _system_python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
