"""The agent as seen from here: sent through a channel, asked by method calls, gone at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fogbed.network.agent_requests import LinksRequests, NodeRequests
from fogbed.network.probes import Probes

Protocol = Literal["udp", "tcp"]


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
    at ``first_s``, seconds of the node's real-time clock. Besides them came ``corrupted`` ones, and
    ``doubled`` ones a second time; ``late`` came after a higher number (RFC 4737), ``overtook``
    before a lower one.
    """

    packets: int
    octets: int
    bin_s: float
    bins: Sequence[int]
    overflowed: int = 0
    first_s: float = 0.0
    corrupted: int = 0
    doubled: int = 0
    late: int = 0
    overtook: int = 0

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


class Agent(NodeRequests, LinksRequests):
    """A session with the agent on one node; leaving the block ends whatever it started there."""

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


@dataclass(frozen=True, slots=True)
class Pending:
    """Probes that are under way."""

    agent: Agent
    answer: Future[dict[str, Any]]
    wait_s: float

    def __call__(self) -> Mapping[str, Probes]:
        """Wait for them and return them per target address."""
        return self.whole().probes

    def whole(self) -> Probed:
        """Wait for them and return all that the node has seen meanwhile."""
        reply = self.agent.result(self.answer, self.wait_s)
        sent, rtts, heard = reply["sent_ms"], reply["rtts_ms"], reply["heard_ms"]
        return Probed(
            probes={
                to: Probes(sent_ms=np.array(sent[to], float), rtts_ms=np.array(rtts[to], float))
                for to in sent
            },
            heard_ms={source: np.array(heard[source], float) for source in heard},
            began_ns=reply["began_ns"],
            machine=Machine(**reply["machine"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where an agent runs: ``load`` is processes that want a processor, per processor, over 1 min.

    Nodes with one ``boot_id`` are on one kernel, and have one clock.
    """

    boot_id: str
    load: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probed:
    """What one node has seen while it probed others.

    ``probes`` per target address; the first of all was sent at ``began_ns`` of its real-time clock.
    ``heard_ms`` per target address: of its own probes to this node,
    the arrival by this node's clock less the departure by the target's, in milliseconds.
    """

    probes: Mapping[str, Probes]
    heard_ms: Mapping[str, npt.NDArray[np.float64]]
    began_ns: int
    machine: Machine
