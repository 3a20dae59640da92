"""Network namespaces by descriptor: no name under /run, nothing left when the last one closes."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fogbed.errors import NetworkError

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_OWN = "/proc/thread-self/ns/net"

NamespaceRef = int | str
"""An open file descriptor of a network namespace, or a path such as ``/proc/PID/ns/net``."""


def create_namespace() -> int:
    """Make a network namespace and return a descriptor that keeps it alive.

    Close the descriptor (and end what runs inside) and the kernel removes it with its devices.

    Raises:
        NetworkError: the kernel does not let this user make one.
    """
    outcome: list[int | OSError] = []

    # unshare(2) moves the calling thread only, so that a thread of its own leaves ours where it is
    def make() -> None:
        try:
            _call("unshare", _CLONE_NEWNET)
            outcome.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    made = outcome[0]
    if isinstance(made, OSError):
        raise NetworkError(
            f"a network namespace cannot be made here: {made.strerror}",
            hint="run as root or in an unprivileged user namespace; see `fogbed doctor`",
        ) from made
    return made


@contextmanager
def inside(namespace: NamespaceRef) -> Iterator[None]:
    """Have this thread, and only it, work in ``namespace`` for the length of the block.

    Raises:
        NetworkError: the namespace cannot be entered.
    """
    home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(namespace)
        try:
            yield
        finally:
            _call("setns", home, _CLONE_NEWNET)
    finally:
        os.close(home)


def _enter(namespace: NamespaceRef) -> None:
    descriptor = -1
    try:
        if isinstance(namespace, str):
            descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        _call("setns", namespace if isinstance(namespace, int) else descriptor, _CLONE_NEWNET)
    except OSError as error:
        raise NetworkError(
            f"the network namespace {namespace} cannot be entered: {error.strerror}",
            hint="it belongs to another user, or its testbed is down",
        ) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns and os.unshare came with Python 3.12
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
