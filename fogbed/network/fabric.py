"""The fabric: one process that carries every packet between the nodes of a testbed.

``python -m fogbed.network.fabric --control SOCKET [--memory FD] --port NODE=ADDRESS=KIND=FD ...``
"""

from __future__ import annotations

import argparse
import gc
import signal
from collections.abc import Sequence

from fogbed.network.control import ControlServer
from fogbed.network.fabric_links import FabricLinks
from fogbed.network.fabric_loop import Fabric, PortState
from fogbed.network.fabric_memory import Memory
from fogbed.network.priority import run_first


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fabric until SIGTERM or the control socket's ``stop``."""
    parser = argparse.ArgumentParser(prog="fogbed.network.fabric")
    parser.add_argument("--control", required=True, help="path of the Unix socket to serve")
    parser.add_argument("--port", action="append", default=[], metavar="NODE=ADDRESS=KIND=FD")
    parser.add_argument(
        "--memory", type=int, metavar="FD", help="a memfd: what the last fabric had in force"
    )
    options = parser.parse_args(argv)
    fabric = Fabric([PortState(argument) for argument in options.port])
    memory = None if options.memory is None else Memory(options.memory)
    control = ControlServer(options.control, FabricLinks(fabric), memory)
    signal.signal(signal.SIGTERM, lambda *_: control.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_first()
    gc.freeze()
    gc.disable()
    try:
        fabric.run(control)
    finally:
        control.close()


if __name__ == "__main__":
    main()
