"""A conversation with the agent on a node: it is sent, asked, and gone at the end."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from fogbed.clients.channel import Channel
from fogbed.errors import NetworkError
from fogbed.network.agent_pack import BOOTSTRAP, packed

_END_S, _ANSWER_S, _KEPT = 5.0, 15.0, 4000


class Conversation:
    """A session with the agent on one node; leaving the block ends whatever it started there."""

    def __init__(self, channel: Channel, program: bytes | None = None) -> None:
        """``program``: what is sent in place of the agent as it is here, packed like it."""
        self._program = packed() if program is None else program
        self.node = channel.node
        self._channel = channel
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._last = 0

    def __enter__(self) -> Self:
        """Send the agent; a node whose Python does not run it says so at the first request.

        Raises:
            NetworkError: the channel cannot be opened, or closes at once.
        """
        command = [self._channel.python, "-I", "-u", "-c", BOOTSTRAP]
        try:
            self._process = self._channel.open(command)
        except OSError as error:
            raise NetworkError(f"node {self.node} cannot be reached: {error}") from error
        self._complaints = threading.Thread(target=self._keep_stderr, daemon=True)
        self._answers = threading.Thread(target=self._read, daemon=True)
        self._stdout = self._stderr = b""
        self._complaints.start()
        self._answers.start()
        try:
            self._write(self._program)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the session; the agent ends with its stdin and kills what it started."""
        self._end()

    def _end(self) -> None:
        with suppress(BrokenPipeError):
            _stream(self._process.stdin).close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.join()
        self._complaints.join()
        for stream in (self._process.stdout, self._process.stderr):
            _stream(stream).close()

    @property
    def is_open(self) -> bool:
        """Whether the agent still listens; False once the way to it broke off."""
        return self._answers.is_alive()

    def bye(self) -> None:
        """Have the agent end by itself; every request after this one fails."""
        self._ask("bye")

    def result(self, answer: Future[dict[str, Any]], wait_s: float) -> dict[str, Any]:
        """Wait for an answer that takes ``wait_s`` seconds by itself."""
        try:
            reply = answer.result(wait_s + _ANSWER_S)
        except FutureTimeoutError:
            raise NetworkError(
                f"the agent on node {self.node} does not answer",
                hint="is the node overloaded or cut off?",
            ) from None
        if not reply.pop("ok"):
            raise NetworkError(f"node {self.node}: {reply['error']}")
        return {key: value for key, value in reply.items() if key != "id"}

    def _ask(self, do: str, *, wait_s: float = 0.0, **arguments: object) -> dict[str, Any]:
        return self.result(self._begin(do, arguments), wait_s)

    def _begin(self, do: str, arguments: Mapping[str, object]) -> Future[dict[str, Any]]:
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._last += 1
            number = self._last
            self._waiting[number] = answer
        self._write(json.dumps({"id": number, "do": do, "with": arguments}).encode() + b"\n")
        if not self._answers.is_alive():
            self._give_up()
        return answer

    def _write(self, data: bytes) -> None:
        stream = _stream(self._process.stdin)
        try:
            with self._lock:
                stream.write(data)
                stream.flush()
        except BrokenPipeError:
            self._answers.join()
            raise NetworkError(
                f"the agent on node {self.node} ended", details=self._said()
            ) from None

    def _read(self) -> None:
        for line in _stream(self._process.stdout):
            try:
                reply = json.loads(line)
                with self._lock:
                    answer = self._waiting.pop(reply["id"])
            except (ValueError, KeyError, TypeError):
                # not the agent: a shell that let nobody in says so here, or one that greets
                self._stdout += line[:_KEPT]
                continue
            answer.set_result(reply)
        self._give_up()

    def _give_up(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_result({"ok": False, "error": f"the agent ended: {self._said()}"})

    def _keep_stderr(self) -> None:
        self._stderr = _stream(self._process.stderr).read()[-_KEPT:]

    def _said(self) -> str:
        self._complaints.join(1.0)
        said = (self._stdout[-_KEPT:] + self._stderr).decode(errors="replace").strip()
        return said or f"without a word{self._exit_code()}"

    def _exit_code(self) -> str:
        """Return the exit code in words; 137 and -9 are what the kernel ends for lack of memory."""
        try:
            return f" (exit code {self._process.wait(1.0)})"
        except subprocess.TimeoutExpired:
            return ""


def _stream(stream: Any) -> Any:  # noqa: ANN401 - Popen's streams are Optional for every caller
    if stream is None:
        raise NetworkError("the channel has no pipes")
    return stream
