"""Programs that a session runs, and that end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import Any

from fogbed.network.agent.bounds import bounded

MAX_OUTPUT = 2**20
MAX_SECONDS = 24 * 3600


class Programs:
    """What is running of what this session started."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # SIGTERM may come while it is held
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def kill(self) -> None:
        """End every program that is still running, and its own children; none starts after it."""
        with self._lock:
            self._ended = True
            for child in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    def exec(self, argv: list[str], timeout_s: float) -> dict[str, Any]:
        """Run a program to its end; output is cut at 1 MiB per stream and said to be."""
        bounded(timeout_s, MAX_SECONDS)
        return self.finish(self.start(argv), timeout_s)

    def finish(self, child: subprocess.Popen[bytes], timeout_s: float) -> dict[str, Any]:
        """Wait for a program that was started; what ``exec`` returns."""
        began = time.monotonic()
        streams = {"stdout": Drain(child.stdout), "stderr": Drain(child.stderr)}
        try:
            child.wait(timeout_s)
            timed_out = False
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        with self._lock:
            self._children.discard(child)
        outcome = {name: drain.text() for name, drain in streams.items()}
        cut = any(drain.cut for drain in streams.values())
        return {
            "returncode": child.returncode,
            "timed_out": timed_out,
            "duration_s": time.monotonic() - began,
            "cut": cut,
            **outcome,
        }

    def start(self, argv: list[str], stdin: bytes = b"") -> subprocess.Popen[bytes]:
        """Start a program that ends with the session; its output is to be read from its pipes.

        It reads ``stdin`` at once, and then its end.
        """
        # Started and noted in one: the session's end must not come in between, and miss it.
        with self._lock:
            if self._ended:
                raise RuntimeError("the session has ended")
            child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._children.add(child)
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(stdin)
        return child


class Drain(threading.Thread):
    """Reads a program's output so that it never blocks, and keeps the beginning."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - a BufferedReader
        """Start reading."""
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = bytearray()
        self.cut = False
        self.start()

    def run(self) -> None:
        """Read to the end."""
        with self._stream:
            while True:
                chunk = self._stream.read1(65536)
                if not chunk:
                    return
                room = MAX_OUTPUT - len(self._kept)
                self._kept += chunk[:room]
                self.cut = self.cut or len(chunk) > room

    def text(self) -> str:
        """Return what was kept; a grandchild that holds the pipe open is not waited for."""
        self.join(1.0)
        return self._kept.decode("utf-8", "replace")
