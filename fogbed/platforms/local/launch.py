"""Starting a keeper, finding one, ending one: what outlives a command, seen from outside."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

import fogbed
from fogbed import links
from fogbed.errors import PlatformError
from fogbed.plan.local_processes import FLINK, GRAFANA, PROMETHEUS
from fogbed.platforms import preflight
from fogbed.platforms.local import peers
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.steering import Steering

FIRST_PORTS = {FLINK: 8081, PROMETHEUS: 9090, GRAFANA: 3000}
_CANDIDATES = 100
_MODULE = "fogbed.platforms.local.keeper"
_READY_S = 60.0
_END_S = 20.0


@contextmanager
def listening(names: Sequence[str], port: int | None) -> Iterator[dict[str, socket.socket]]:
    """Yield a listening socket for each of ``names``, for Flink on ``port``; closed afterwards.

    Raises:
        PlatformError: as for ``listen``.
    """
    with ExitStack() as closing:
        yield {
            name: closing.enter_context(
                listen(port if name == FLINK else None, first=FIRST_PORTS[name])
            )
            for name in names
        }


def listen(port: int | None, *, first: int = FIRST_PORTS[FLINK]) -> socket.socket:
    """Return a socket listening on loopback: on ``port``, or on a free one from ``first`` on.

    Raises:
        PlatformError: the port is in use (the message names who uses it), or root's alone.
    """
    candidates = [port] if port is not None else range(first, first + _CANDIDATES)
    for candidate in candidates:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
        except OSError as error:
            listener.close()
            if error.errno == errno.EACCES and port is not None:
                raise PlatformError(
                    f"port {port} on 127.0.0.1 is one that only root may open",
                    hint="give one from 1024 on with --port, or none",
                ) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        listener.listen(128)
        return listener
    if port is None:
        last = first + _CANDIDATES - 1
        raise PlatformError(f"no port is free on 127.0.0.1 from {first} to {last}")
    raise PlatformError(
        f"port {port} on 127.0.0.1 is in use by {who_listens(port)}",
        hint="give another one with --port, or none: fogbed then takes the first free one",
    )


def who_listens(port: int) -> str:
    """Return who listens on a TCP port of this computer, in words."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                return _program(connection.pid)
    return "another user's program"


def _program(pid: int | None) -> str:
    if pid is None:
        return "another user's program"
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        words = process.cmdline()
        if _MODULE in words and "--folder" in words:
            return f"testbed {Path(words[words.index('--folder') + 1]).name} (process {pid})"
        return f"{process.name()} (process {pid})"
    return f"process {pid}"


def launch(
    folder: TestbedFolder, launched: Launched, listeners: Mapping[str, socket.socket]
) -> None:
    """Start a keeper that outlives this command, and wait until it answers.

    Raises:
        PlatformError: it ended instead; the error holds what it said.
    """
    lock = os.open(folder.root / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    tables = peers.open_tables()
    try:
        # held by the keeper as long as it lives: its copy of the descriptor is the lock
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        argv = [
            *("setsid", "--fork"),
            *preflight.unshare_argv(),
            *(sys.executable, "-m", _MODULE, "--folder", str(folder.root)),
            *("--steering", str(launched.steering)),
            *("--fabric-socket", str(launched.fabric_socket)),
            *(
                word
                for name, listener in listeners.items()
                for word in ("--listen", f"{name}={listener.fileno()}")
            ),
            *(word for table in tables for word in ("--table-fd", str(table))),
            *(word for uid in sorted(peers.owners()) for word in ("--owner", str(uid))),
            *(["--shared"] if launched.shared else []),
        ]
        # plain: a colon would part it in two
        root = str(links.plain(Path(fogbed.__file__).resolve().parent.parent))
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with folder.keeper_log.open("ab") as log:
            subprocess.run(
                argv,
                check=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": search},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(*(each.fileno() for each in listeners.values()), lock, *tables),
            )
    finally:
        for descriptor in (lock, *tables):
            os.close(descriptor)
    _wait_until_ready(folder, launched)


def _wait_until_ready(folder: TestbedFolder, launched: Launched) -> None:
    steering, deadline = Steering(launched.steering), time.monotonic() + _READY_S
    while not _answers(steering):
        if not is_held(folder) or time.monotonic() > deadline:
            folder.require_room(f"the keeper of testbed {folder.name} could not start")
            said = folder.keeper_log.read_text(encoding="utf-8", errors="replace")
            raise PlatformError(
                f"the keeper of testbed {folder.name} could not start",
                hint="fogbed doctor checks what this computer lacks",
                details=said.strip()[-2000:] or None,
            )
        time.sleep(0.02)


def _answers(steering: Steering) -> bool:
    try:
        return steering.status() is not None
    except PlatformError:
        return False  # it has only begun


def is_held(folder: TestbedFolder) -> bool:
    """Whether a keeper of this testbed lives, answering or not."""
    path = folder.root / "keeper.lock"
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def end_keeper(folder: TestbedFolder) -> None:
    """End the keeper and with it everything inside: asked first, killed if it does not obey.

    Raises:
        PlatformError: it is still there.
    """
    launched = folder.launched()
    if launched is not None and is_held(folder):
        with suppress(PlatformError):
            Steering(launched.steering).end()
            _wait_until_gone(folder, _END_S)
    for process in _keepers(folder):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    if not _wait_until_gone(folder, _END_S):
        raise PlatformError(
            f"the keeper of testbed {folder.name} cannot be ended",
            hint="it may belong to another user; was it started with sudo?",
        )


def _wait_until_gone(folder: TestbedFolder, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while is_held(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _keepers(folder: TestbedFolder) -> Iterator[psutil.Process]:
    """Yield the keeper of a testbed and what unshared its namespaces."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if _MODULE in words and str(folder.root) in words:
            yield process
