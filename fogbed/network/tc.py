"""What shapes a laptop's links where its kernel has netem: one process, in the fabric's place.

``python -m fogbed.network.tc --control SOCKET [--memory FD] --node NODE=ADDRESS=NAMESPACE ...``
(``NAMESPACE``: the descriptor of the node's). The kernel carries the packets; this changes what it
does, answers on the fabric's control socket, and drives what follows a law of time.
"""

from __future__ import annotations

import argparse
import select
import signal
from collections.abc import Callable, Sequence

from fogbed.network.control import ControlServer
from fogbed.network.fabric_memory import Memory
from fogbed.network.priority import run_first
from fogbed.network.tc_links import End, NodeBackend, TcLinks, backend_in


def main(
    argv: Sequence[str] | None = None, make: Callable[[End], NodeBackend] = backend_in
) -> None:
    """Shape until SIGTERM or the control socket's ``stop``; what is in force stays."""
    parser = argparse.ArgumentParser(prog="fogbed.network.tc")
    parser.add_argument("--control", required=True, help="path of the Unix socket to serve")
    parser.add_argument("--node", action="append", default=[], metavar="NODE=ADDRESS=NAMESPACE")
    parser.add_argument(
        "--memory", type=int, metavar="FD", help="a memfd: what the last process had in force"
    )
    options = parser.parse_args(argv)
    links = TcLinks([_end(argument) for argument in options.node], make)
    memory = None if options.memory is None else Memory(options.memory)
    control = ControlServer(options.control, links, memory)
    signal.signal(signal.SIGTERM, lambda *_: control.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_first()
    try:
        serve(links, control)
    finally:
        control.close()


def serve(links: TcLinks, control: ControlServer) -> None:
    """Answer the control socket, and do what is due, until ``control`` is told to stop.

    Raises:
        BackendError: another took what shapes away; whoever starts this again has it back.
    """
    poller = select.epoll()
    for fd in control.filenos():
        poller.register(fd, select.EPOLLIN)
    with poller:
        while not control.stopped:
            # epoll's own time-out has whole milliseconds, of the five that a step of jitter takes
            select.select([poller], [], [], links.step())
            for fd, events in poller.poll(0):
                control.serve(fd, events, poller)


def _end(argument: str) -> End:
    node, address, namespace = argument.split("=")
    return End(node, address, int(namespace))


if __name__ == "__main__":
    main()
