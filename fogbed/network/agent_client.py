"""The agent as seen from here: sent through a channel, asked by method calls, gone at the end."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from fogbed.clients.channel import Channel
from fogbed.errors import NetworkError
from fogbed.network.probes import Probes

Protocol = Literal["udp", "tcp"]
# The source follows on stdin, after its length: nothing is left on the node, no argument limit
_BOOTSTRAP = (
    "import sys; stdin = sys.stdin.buffer; size = int(stdin.readline());"
    " exec(compile(stdin.read(size), 'fogbed-agent', 'exec'), {'__name__': 'fogbed_agent'})"
)
_SOURCE = Path(__file__).with_name("agent.py")
_END_S, _ANSWER_S, _KEPT = 5.0, 15.0, 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a sender put out; ``octets`` of layer 3 (UDP) or of payload (TCP).

    ``stall_s``: the longest time between two packets (UDP).
    """

    packets: int
    octets: int
    refused: int
    seconds: float
    stall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came in of a flow: distinct packets (UDP) and layer 3 octets, in bins of ``bin_s``.

    ``overflowed`` packets arrived too but found the receiver's buffer full. The first bin begins
    at ``first_s``, seconds of the node's real-time clock.
    """

    packets: int
    octets: int
    bin_s: float
    bins: Sequence[int]
    overflowed: int = 0
    first_s: float = 0.0

    def rates_bps(self, window_s: float = 1.0) -> npt.NDArray[np.float64]:
        """Return bit/s of layer 3 over every window of that length; empty if it was shorter."""
        width = round(window_s / self.bin_s)
        total = np.concatenate([[0], np.cumsum(np.asarray(self.bins, dtype=np.float64))])
        if len(total) <= width:
            return np.empty(0)
        return np.asarray((total[width:] - total[:-width]) * 8 / window_s, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecOutcome:
    """How a program on the node ended. ``cut``: output beyond 1 MiB was dropped."""

    returncode: int
    timed_out: bool
    duration_s: float
    stdout: str
    stderr: str
    cut: bool


class Agent:
    """A session with the agent on one node; leaving the block ends whatever it started there."""

    def __init__(self, channel: Channel) -> None:
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
        command = [self._channel.python, "-I", "-u", "-c", _BOOTSTRAP]
        try:
            self._process = self._channel.open(command)
        except OSError as error:
            raise NetworkError(f"node {self.node} cannot be reached: {error}") from error
        self._complaints = threading.Thread(target=self._keep_stderr, daemon=True)
        self._answers = threading.Thread(target=self._read, daemon=True)
        self._stdout = self._stderr = b""
        self._complaints.start()
        self._answers.start()
        source = _SOURCE.read_bytes()
        try:
            self._write(b"%d\n" % len(source) + source)
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

    def ping(
        self,
        targets: Sequence[str],
        *,
        count: int,
        interval_s: float = 0.1,
        size: int = 84,
        wait_s: float = 2.0,
    ) -> Mapping[str, Probes]:
        """Probe the RTT to every target address at once; ``size`` in layer 3 bytes.

        Raises:
            NetworkError: the agent refused or is gone.
        """
        return self.start_ping(
            targets, count=count, interval_s=interval_s, size=size, wait_s=wait_s
        )()

    def start_ping(
        self, targets: Sequence[str], *, count: int, interval_s: float, size: int, wait_s: float
    ) -> Pending:
        """Begin to probe; call what is returned to wait for them."""
        wanted = {"targets": list(targets), "count": count, "interval_s": interval_s}
        answer = self._begin("ping", {**wanted, "size": size, "wait_s": wait_s})
        return Pending(self, answer, count * interval_s + wait_s)

    def listen(self, protocol: Protocol, address: str, *, seconds: float) -> int:
        """Have the node receive one flow on its ``address`` and return the port."""
        answer = self._ask("listen", protocol=protocol, address=address, seconds=seconds)
        return int(answer["port"])

    def send(  # noqa: PLR0913 - one flow has this many properties; all but two by keyword
        self,
        protocol: Protocol,
        target: tuple[str, int],
        *,
        seconds: float,
        rate_bps: float | None = None,
        octets: int = 2**32,
        size: int = 1500,
        make_up_s: float = 0.02,
    ) -> Sent:
        """Send one flow and return when it is out; bounded by ``seconds`` and ``octets``.

        A UDP sender that was kept from the processor makes up for ``make_up_s`` of it at most.
        """
        answer = self._ask(
            "send",
            wait_s=seconds,
            protocol=protocol,
            address=target[0],
            port=target[1],
            seconds=seconds,
            rate_bps=rate_bps,
            octets=octets,
            size=size,
            make_up_s=make_up_s,
        )
        return Sent(**answer)

    def collect(self, flow: int, *, quiet_s: float = 0.5) -> Received:
        """Return what ``listen`` received, once nothing has come for ``quiet_s`` seconds."""
        return Received(**self._ask("collect", wait_s=120.0, flow=flow, quiet_s=quiet_s))

    def exec(self, argv: Sequence[str], *, timeout_s: float) -> ExecOutcome:
        """Run a program on the node to its end, or kill it after ``timeout_s`` seconds.

        Raises:
            NetworkError: it could not be started, or the agent is gone.
        """
        answer = self._ask("exec", wait_s=timeout_s, argv=list(argv), timeout_s=timeout_s)
        return ExecOutcome(**answer)

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
        return (self._stdout[-_KEPT:] + self._stderr).decode(errors="replace").strip()


@dataclass(frozen=True, slots=True)
class Pending:
    """Probes that are under way."""

    agent: Agent
    answer: Future[dict[str, Any]]
    wait_s: float

    def __call__(self) -> Mapping[str, Probes]:
        """Wait for them and return them per target address."""
        reply = self.agent.result(self.answer, self.wait_s)
        sent, rtts = reply["sent_ms"], reply["rtts_ms"]
        return {
            to: Probes(sent_ms=np.array(sent[to], float), rtts_ms=np.array(rtts[to], float))
            for to in sent
        }


def _stream(stream: Any) -> Any:  # noqa: ANN401 - Popen's streams are Optional for every caller
    if stream is None:
        raise NetworkError("the channel has no pipes")
    return stream
