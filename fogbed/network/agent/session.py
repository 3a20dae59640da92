"""The agent: what fogbed does on a node. One file, standard library only, Python >= 3.9.

It is sent through the channel at connection and speaks JSON lines over stdio: requests
``{"id": 1, "do": "ping", ...}``, answers ``{"id": 1, "ok": true, ...}`` or ``{"id": 1, "ok":
false, "error": "..."}`` in the order in which they are done. When stdin ends, so does the agent,
with everything that it started.

Requests: ping, listen, send, collect, exec; each function ``do_...`` below says what it takes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any, Optional

NS = 1_000_000_000
SO_TIMESTAMPNS = 35  # asm-generic/socket.h: the kernel's receive time in nanoseconds
SO_RCVBUFFORCE = 33
SO_RXQ_OVFL = 40  # how many packets this socket had no room for
RECEIVE_BUFFER = 2**23
IP_UDP_HEADERS = 28
IP_TCP_HEADERS = 52  # with the timestamps option, which Linux sends
MAX_SECONDS = 120
MAX_OCTETS = 4 * 2**30
MAX_OUTPUT = 2**20
BIN_NS = 10_000_000

ECHO_REQUEST, ECHO_REPLY = 8, 0
# IP header length sits in the first byte's low half, in 32-bit words
IHL_MASK = 0x0F
ECHO_SIZE = 32  # ICMP header, nonce, target, number, time sent
TIMESPEC = struct.Struct("qq")
# of a probe that could not be sent: a full queue, a network that is away for a while
LOST = {
    errno.EAGAIN,
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOBUFS,
}

# Assigned, not annotated: these must mean something to Python 3.9 at run time
Address = tuple[str, int]
Control = Sequence[tuple[int, int, bytes]]
Rtts = list[list[Optional[float]]]  # noqa: UP045 - evaluated, and 3.9 has no X | None


class Agent:
    """One session: its requests, each in a thread of its own, and what they started."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        """Speak over two binary streams."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.RLock()  # SIGTERM may come while it is held
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._listeners: dict[int, Receiver] = {}

    def run(self) -> None:
        """Serve requests until the stream ends, then end what they started."""
        for line in self._incoming:
            request = json.loads(line)
            threading.Thread(target=self._serve, args=(request,), daemon=True).start()
        self.kill_children()

    def kill_children(self) -> None:
        """End every program that is still running, and its own children; none starts after it."""
        with self._lock:
            self._ended = True
            for child in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    def _serve(self, request: dict[str, Any]) -> None:
        try:
            answer = {"ok": True, **getattr(self, "do_" + request["do"])(**request["with"])}
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        line = json.dumps({"id": request["id"], **answer}).encode() + b"\n"
        with self._lock:
            self._outgoing.write(line)
            self._outgoing.flush()

    def do_ping(
        self, targets: list[str], count: int, interval_s: float, size: int, wait_s: float
    ) -> dict[str, Any]:
        """Probe RTTs to all ``targets`` (addresses) at once; ``rtts_ms`` per target, null = lost.

        ``count`` probes each, ``interval_s`` apart and spread evenly over the interval; ``size``
        is the IP packet's. Waits ``wait_s`` for the last ones. ``sent_ms`` per target: when each
        was really sent, in milliseconds since the first of all; late ones are caught up with.
        """
        bounded(count * interval_s)
        return Probe(targets, size).run(count, interval_s, wait_s)

    def do_listen(self, protocol: str, address: str, seconds: float) -> dict[str, Any]:
        """Receive one flow ("udp" or "tcp") for at most ``seconds``: its ``flow`` and ``port``."""
        bounded(seconds)
        receiver = Receiver(protocol, address, seconds)
        with self._lock:
            self._listeners[receiver.port] = receiver
        receiver.start()
        return {"flow": receiver.port, "port": receiver.port}

    def do_collect(self, flow: int, quiet_s: float) -> dict[str, Any]:
        """Wait until a flow has been quiet for ``quiet_s`` and return what came in."""
        with self._lock:
            receiver = self._listeners.pop(flow)
        return receiver.collect(quiet_s)

    def do_send(  # noqa: PLR0913, PLR0917 - the request's own members
        self,
        protocol: str,
        address: str,
        port: int,
        seconds: float,
        rate_bps: float | None,
        octets: int,
        size: int,
        make_up_s: float,
    ) -> dict[str, Any]:
        """Send one flow at ``rate_bps`` (layer 3; null: flat out) until either bound is reached."""
        bounded(seconds)
        octets = min(octets, MAX_OCTETS)
        if protocol == "tcp":
            return send_tcp((address, port), seconds, rate_bps, octets, size)
        return send_udp((address, port), seconds, rate_bps, octets, size, make_up_s)

    def do_exec(self, argv: list[str], timeout_s: float) -> dict[str, Any]:
        """Run a program to its end; output is cut at 1 MiB per stream and said to be."""
        bounded(timeout_s, 24 * 3600)
        began = time.monotonic()
        child = self._start(argv)
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

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        # Started and noted in one: the session's end must not come in between, and miss it.
        with self._lock:
            if self._ended:
                raise RuntimeError("the session has ended")
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._children.add(child)
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


class Probe:
    """ICMP echo to many targets from one socket."""

    def __init__(self, targets: list[str], size: int) -> None:
        """Open the socket: raw where allowed, else the kernel's own ping socket."""
        self._targets = targets
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._raw = True
        except PermissionError:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
            self._raw = False
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        enlarge_buffer(self._socket)
        self._nonce = os.urandom(8)
        self._filler = bytes(max(0, size - 20 - 8 - 8 - 16))
        self._left = 0

    def run(self, count: int, interval_s: float, wait_s: float) -> dict[str, Any]:
        """Send on absolute deadlines, receive in between; what ``do_ping`` returns."""
        rtts: Rtts = [[None] * count for _ in self._targets]
        sent: list[int] = []
        total = count * len(self._targets)
        gap = interval_s / max(1, len(self._targets))
        began = time.monotonic()
        self._left = total
        with self._socket:
            for turn in range(total):
                self._receive_until(began + turn * gap, rtts)
                number, target = divmod(turn, len(self._targets))
                sent.append(time.monotonic_ns())
                self._send(target, number)
            self._receive_until(time.monotonic() + wait_s, rtts)
        times = [round((when - sent[0]) / 1e6, 3) for when in sent]
        sent_ms = (times[k :: len(self._targets)] for k in range(len(self._targets)))
        return {
            "rtts_ms": dict(zip(self._targets, rtts)),  # noqa: B905 - 3.9 has no strict
            "sent_ms": dict(zip(self._targets, sent_ms)),  # noqa: B905
        }

    def _send(self, target: int, number: int) -> None:
        body = self._nonce + struct.pack("!II", target, number)
        sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
        body += struct.pack("!Q", sent) + self._filler
        head = (ECHO_REQUEST, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF)
        total = checksum(struct.pack("!BBHHH", *head) + body)
        packet = struct.pack("!BBHHH", *head[:2], total, *head[3:]) + body
        try:
            self._socket.sendto(packet, (self._targets[target], 0))
        except OSError as error:
            if error.errno not in LOST:
                raise

    def _receive_until(self, deadline: float, rtts: Rtts) -> None:
        while self._left:
            rest = deadline - time.monotonic()
            ready, _, _ = select.select([self._socket], [], [], max(0.0, rest))
            if not ready:
                return
            packet, control, _, _ = self._socket.recvmsg(65536, 64)
            if self._raw:
                packet = packet[(packet[0] & IHL_MASK) * 4 :]
            self._note(packet, control, rtts)

    def _note(self, message: bytes, control: Control, rtts: Rtts) -> None:
        if len(message) < ECHO_SIZE or message[0] != ECHO_REPLY or message[8:16] != self._nonce:
            return
        target, number, sent = struct.unpack("!IIQ", message[16:ECHO_SIZE])
        if rtts[target][number] is None:
            rtts[target][number] = (arrival(control) - sent) / 1e6
            self._left -= 1


class Receiver(threading.Thread):
    """Counts one flow: packets told apart by their number, layer 3 bytes in bins of 10 ms."""

    def __init__(self, protocol: str, address: str, seconds: float) -> None:
        """Bind to a free port of ``address``."""
        super().__init__(daemon=True)
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind((address, 0))
        if protocol == "tcp":
            self._socket.listen(1)
        self.port = self._socket.getsockname()[1]
        self._protocol = protocol
        self._deadline = time.monotonic() + seconds
        self._quiet_s: float | None = None
        self._seen: set[bytes] = set()
        self._bins: dict[int, int] = {}
        self._octets = 0
        self._overflowed = 0

    def run(self) -> None:
        """Receive until the deadline, or until it is collected and quiet."""
        with self._socket:
            if self._protocol == "udp":
                self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
                enlarge_buffer(self._socket)
                self._receive_udp()
            elif self._wait(self._socket):
                connection, _ = self._socket.accept()
                with connection:
                    self._receive_tcp(connection)

    def collect(self, quiet_s: float) -> dict[str, Any]:
        """Return the figures once ``quiet_s`` passed without a packet."""
        self._quiet_s = quiet_s
        self.join()
        first = min(self._bins, default=0)
        bins = [self._bins.get(i, 0) for i in range(first, max(self._bins, default=-1) + 1)]
        return {
            "packets": len(self._seen),
            "octets": self._octets,
            "overflowed": self._overflowed,
            "bin_s": BIN_NS / NS,
            "bins": bins,
            "first_s": first * BIN_NS / NS,
        }

    def _wait(self, readable: socket.socket) -> bool:
        last = time.monotonic()
        while time.monotonic() < self._deadline:
            ready, _, _ = select.select([readable], [], [], 0.05)
            if ready:
                return True
            if self._quiet_s is not None and time.monotonic() - last > self._quiet_s:
                return False
        return False

    def _receive_udp(self) -> None:
        receive = self._socket.recvmsg
        while self._wait(self._socket):
            with contextlib.suppress(BlockingIOError):
                for _ in range(256):
                    packet, control, _, _ = receive(65536, 128, socket.MSG_DONTWAIT)
                    self._seen.add(packet[:8])
                    self._overflowed = overflow(control, self._overflowed)
                    self._count(len(packet) + IP_UDP_HEADERS, arrival(control))

    def _receive_tcp(self, connection: socket.socket) -> None:
        buffer = bytearray(2**18)
        # Each side tells segments of its own size; headers are those of full segments
        segment = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        while self._wait(connection):
            size = connection.recv_into(buffer)
            if not size:
                return
            whole = size * (segment + IP_TCP_HEADERS) // segment
            self._count(whole, time.clock_gettime_ns(time.CLOCK_REALTIME))

    def _count(self, octets: int, when: int) -> None:
        self._octets += octets
        place = when // BIN_NS
        self._bins[place] = self._bins.get(place, 0) + octets


def send_udp(  # noqa: PLR0913, PLR0917 - as do_send
    address: Address,
    seconds: float,
    rate_bps: float | None,
    octets: int,
    size: int,
    make_up_s: float,
) -> dict[str, Any]:
    """Send numbered packets of ``size`` layer 3 bytes, evenly spaced at the rate.

    Of what was missed while this process waited for a processor, ``make_up_s`` seconds at most are
    made up for: a long burst fills the link's queue, and what that drops would look like loss.
    """
    filler = bytes(max(0, size - IP_UDP_HEADERS - 8))
    gap = size * 8 / rate_bps if rate_bps else 0.0
    sent = refused = 0
    before = stall = forgiven = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        began = time.monotonic()
        while sent * size < octets:
            now = time.monotonic() - began
            if now >= seconds:
                break
            stall = max(stall, now - before)
            before = now
            due = sent * gap + forgiven
            forgiven += max(0.0, now - due - make_up_s) if gap else 0.0
            if due > now:
                time.sleep(due - now)
            try:
                sender.send(struct.pack("!Q", sent) + filler)
                sent += 1
            except OSError:  # the queue is full, or the node is cut off
                refused += 1
        spent = time.monotonic() - began
    return {
        "packets": sent,
        "octets": sent * size,
        "refused": refused,
        "seconds": spent,
        "stall_s": stall,
    }


def send_tcp(
    address: Address, seconds: float, rate_bps: float | None, octets: int, size: int
) -> dict[str, Any]:
    """Send a stream, paced to the rate by its own payload."""
    blob = bytes(max(size, 2**16))
    sent = 0
    with socket.create_connection(address, timeout=seconds + 5) as sender:
        began = time.monotonic()
        while sent < octets:
            now = time.monotonic() - began
            if now >= seconds:
                break
            if rate_bps and sent * 8 > rate_bps * now:
                time.sleep(min(0.01, sent * 8 / rate_bps - now))
                continue
            sent += sender.send(blob)
        spent = time.monotonic() - began
    return {"packets": 0, "octets": sent, "refused": 0, "seconds": spent, "stall_s": 0.0}


def arrival(control: Control) -> int:
    """Return when the kernel received a packet, in nanoseconds of the real-time clock."""
    for _, kind, value in control:
        if kind == SO_TIMESTAMPNS and len(value) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(value)
            return int(seconds) * NS + int(nanoseconds)
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def measure_first() -> None:
    """Be run before others where this user may ask for it; programs that are started are not.

    What is measured is the network, not how long this process waited for a processor.
    """
    with contextlib.suppress(OSError):
        policy = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def overflow(control: Control, known: int) -> int:
    """Return how many packets the socket had no room for until now; ``known`` if none is said."""
    for _, kind, value in control:
        if kind == SO_RXQ_OVFL:
            return int.from_bytes(value[:4], sys.byteorder)
    return known


def enlarge_buffer(receiver: socket.socket) -> None:
    """Give a socket room for a burst while this process waits for a processor."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # only root may pass net.core.rmem_max
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def checksum(message: bytes) -> int:
    """Return the Internet checksum of RFC 1071."""
    padded = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)


def bounded(seconds: float, most: float = MAX_SECONDS) -> None:
    """Refuse what would run longer than ``most`` seconds."""
    if not 0 < seconds <= most:
        raise ValueError(f"{seconds} s is not between 0 and {most} s")


def main() -> None:
    """Serve stdin and stdout; end with them, or at SIGTERM."""
    agent = Agent(sys.stdin.buffer, sys.stdout.buffer)

    def end(*_: object) -> None:
        agent.kill_children()
        os._exit(0)

    measure_first()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent.run()
    os._exit(0)


if __name__ in ("__main__", "fogbed_agent"):
    main()
