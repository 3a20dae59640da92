"""Run a program in a pod: ``python -m fogbed.clients.kube_exec --kubeconfig F -n NS POD -- ARGV``.

What ``kubectl exec -i`` does, without kubectl: stdin, stdout, stderr and the exit code are the
program's, byte by byte and at once; the end of stdin is passed on. 255: the program could not be
reached or the way there was cut; stderr says why. When this ends, for whatever reason, the program
reads the end of its stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fogbed.clients.channel import Channel
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_channels import Channels
from fogbed.clients.kube_login import read_login
from fogbed.clients.kube_wire import CHUNK
from fogbed.errors import FogbedError, ServiceError

UNREACHED = 255
# v5 has a word for the end of stdin (since Kubernetes 1.30). With v4 a program that reads to the
# end of its stdin is told of it only by the end of this one.
_WITH_END = "v5.channel.k8s.io"
_PROTOCOLS = (_WITH_END, "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_GONE = 128 + signal.SIGPIPE


def pod_channel(node: str, access: KubeAccess, namespace: str, pod: str) -> Channel:
    """Return how programs are run in a pod that stands for a node."""
    return Channel(node=node, prefix=exec_prefix(access, namespace, pod))


def exec_prefix(access: KubeAccess, namespace: str, pod: str) -> tuple[str, ...]:
    """Return what stands before an argv that is to be run in a pod."""
    # -P: a folder called fogbed where the user stands is not this one
    words = (sys.executable, "-P", "-m", "fogbed.clients.kube_exec")
    context = ("--context", access.context) if access.context else ()
    place = ("--kubeconfig", str(access.kubeconfig.absolute()), *context, "-n", namespace)
    return (*words, *place, pod, "--")


async def run_in_pod(access: KubeAccess, namespace: str, pod: str, argv: Sequence[str]) -> int:
    """Run a program in a pod with this process's stdin, stdout and stderr; return its exit code.

    Raises:
        ServiceError: there is no such pod or program, or the way there is cut.
        BrokenPipeError: nobody reads its output any more.
    """
    login = read_login(access)
    words = [("command", word) for word in argv]
    streams = [(name, "true") for name in ("stdin", "stdout", "stderr")]
    place = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
    path = f"{place}?{urlencode([*words, *streams])}"
    async with await Channels.open(login, path, _PROTOCOLS) as channels:
        pass_on = threading.Thread(
            target=_pass_stdin_on, args=(channels, asyncio.get_running_loop()), daemon=True
        )
        pass_on.start()
        return await _outcome(channels)


def _pass_stdin_on(channels: Channels, loop: asyncio.AbstractEventLoop) -> None:
    """Send stdin on as it comes, no faster than it is taken; in a thread, for reading blocks."""

    def send(channel: int, data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(channels.send(channel, data), loop).result()

    try:
        while data := os.read(sys.stdin.fileno(), CHUNK):
            send(_STDIN, data)
        if channels.protocol == _WITH_END:
            send(_CLOSE, bytes([_STDIN]))
    except (ServiceError, RuntimeError, asyncio.CancelledError):
        # the program has ended, or the way is cut: who reads its output finds out
        return


async def _outcome(channels: Channels) -> int:
    """Write what the program writes, and return its exit code."""
    status = b""
    files = {_STDOUT: sys.stdout.fileno(), _STDERR: sys.stderr.fileno()}
    while (received := await channels.receive()) is not None:
        channel, data = received
        if channel == _STATUS:
            status += data
        elif channel in files:
            # in a thread: a reader that is slow, or waits until it has written all, blocks
            await asyncio.to_thread(_write, files[channel], data)
    if not status:
        raise ServiceError("the connection to the program was cut before it ended")
    return exit_code(json.loads(status))


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def exit_code(status: dict[str, Any]) -> int:
    """Return the exit code that Kubernetes reports.

    Raises:
        ServiceError: the program did not start.
    """
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or ()
    for cause in causes:
        if status.get("reason") == "NonZeroExitCode" and cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ServiceError(str(status.get("message") or "the program did not start"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    # argparse would take every -- out of the program's own words
    end = given.index("--") if "--" in given else len(given)
    program = given[end + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m fogbed.clients.kube_exec", epilog="After -- the program and its words."
    )
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context")
    parser.add_argument("-n", "--namespace", required=True)
    parser.add_argument("pod")
    asked = parser.parse_args(given[:end])
    if not program:
        parser.error("which program? Name it after --")
    # Ctrl-C in a terminal reaches us as well as who started us: no trace of ours on the screen
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    access = KubeAccess(kubeconfig=asked.kubeconfig, context=asked.context)
    try:
        return asyncio.run(run_in_pod(access, asked.namespace, asked.pod, program))
    except BrokenPipeError:
        return _GONE
    except FogbedError as error:
        lines = [f"pod {asked.pod}: {error.message}", error.details, error.hint]
        os.write(2, "".join(f"{line}\n" for line in lines if line).encode())
        return UNREACHED


if __name__ == "__main__":
    # at once: the thread that reads stdin would be waited for
    sys.stdout.flush()
    os._exit(main())
