"""Netlink's routing family by hand: requests with acknowledgements, batches, dumps.

The node need not have ``ip`` or ``tc``, and a thousand requests go to the kernel in a few system
calls. What the messages mean is in ``rtnetlink`` (links, addresses, routes), ``policy_routing``
(rules) and ``tc_messages`` (qdiscs, classes, filters). Formats are those of linux/netlink.h and
rtnetlink.h. Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fogbed.network.agent.attributes import attributes, text_of

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
EXCLUSIVE, CREATE = 0x200, 0x400
_INTERRUPTED, _CAPPED, _ACK_ATTRIBUTES = 0x10, 0x100, 0x200
_ERROR, _DONE, _OVERRUN = 2, 3, 4
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_TEXT = 1  # NLMSGERR_ATTR_MSG
_HEADER = struct.Struct("=IHHII")

_CHUNK_MESSAGES = 200
_CHUNK_OCTETS = 60_000
_CHUNK_ANSWERS = 32  # the kernel reserves some kilobytes for each: they must fit the buffer
_BUFFER = 1 << 18
_TRIES = 10


class NetlinkError(OSError):
    """The kernel refused a request: ``errno``, its own words where it has any, and which one.

    ``position`` is the request's place in its batch.
    """

    def __init__(self, number: int, text: str, position: int = 0) -> None:
        super().__init__(number, f"{os.strerror(number)}{f': {text}' if text else ''}")
        self.position = position


class Request(NamedTuple):
    """One message to the kernel: its type (RTM_*), flags besides REQUEST, what follows its header.

    ``body`` is the family's fixed header and then attributes.
    """

    kind: int
    flags: int
    body: bytes


class Answer(NamedTuple):
    """One message from the kernel."""

    kind: int
    body: bytes


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (type, flags, sequence, body) of every message of a datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size:
            break
        yield kind, flags, sequence, data[offset + _HEADER.size : offset + size]
        offset += size + 3 & ~3


def refusal(flags: int, body: bytes) -> tuple[int, str]:
    """Return (errno, the kernel's words) of a message of type NLMSG_ERROR; errno 0: none."""
    (code,) = struct.unpack_from("=i", body)
    if not code or not flags & _ACK_ATTRIBUTES:
        return -code, ""
    (size,) = struct.unpack_from("=I", body, 4)
    start = 4 + (16 if flags & _CAPPED else size + 3 & ~3)
    return -code, text_of(attributes(body, start).get(_TEXT, b""))


class Netlink:
    """A socket to the kernel's routing family, in the network namespace it was opened in.

    For one thread. Close it, or use it as a context manager.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC,
            socket.NETLINK_ROUTE,
        )
        self._socket.bind((0, 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 30, 0))
        # Acknowledgements do not carry the request back; refusals say why in words.
        for option in (_CAP_ACK, _EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # Made once: a new one for each of a thousand answers is memory that the kernel has to map
        # and clear anew, ten times as much work as the answers themselves.
        self._received = memoryview(bytearray(_BUFFER))
        self._sequence = 0

    def __enter__(self) -> Netlink:  # noqa: PYI034 - typing has no Self before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def do(self, request: Request) -> None:
        """Have one request carried out.

        Raises:
            NetlinkError: it was refused.
        """
        self.batch((request,))

    def batch(self, requests: Iterable[Request]) -> None:
        """Have requests carried out in their order, many to a system call.

        The kernel goes on after one that it refuses: with what is in the same system call (at most
        200 requests), not with the rest.

        Raises:
            NetlinkError: one was refused; the first of them.
        """
        chunk: list[Request] = []
        size = done = 0
        for request in requests:
            chunk.append(request)
            size += 16 + len(request.body)
            if len(chunk) == _CHUNK_MESSAGES or size >= _CHUNK_OCTETS:
                self._send_chunk(chunk, done)
                done += len(chunk)
                chunk, size = [], 0
        if chunk:
            self._send_chunk(chunk, done)

    def ask(self, request: Request) -> Answer:
        """Return the one answer to a request.

        Raises:
            NetlinkError: it was refused.
        """
        sequence = self._send([request], REQUEST)
        for kind, flags, _, body in self._answers(sequence, sequence):
            if kind != _ERROR:
                return Answer(kind, body)
            _raise(flags, body, 0)
        raise NetlinkError(errno.ENODATA, "")

    def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Return the one answer to each request; None where it was refused."""
        found: list[Answer | None] = []
        for start in range(0, len(requests), _CHUNK_ANSWERS):
            chunk = requests[start : start + _CHUNK_ANSWERS]
            last = self._send(chunk, REQUEST)
            for kind, _, sequence, body in self._answers(last - len(chunk) + 1, last):
                found.append(None if kind == _ERROR else Answer(kind, body))
                if sequence == last:
                    break
        return found

    def dump(self, kind: int, body: bytes) -> list[Answer]:
        """Return all objects that a GET request names.

        A dump that was interrupted by a change is asked for again.

        Raises:
            NetlinkError: it was refused, or something changes all the time.
        """
        for _ in range(_TRIES):
            answers, whole = self._dump_once(kind, body)
            if whole:
                return answers
        raise NetlinkError(errno.EINTR, "what was listed kept changing")

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[Answer], bool]:
        sequence = self._send([Request(kind, DUMP, body)], REQUEST)
        found: list[Answer] = []
        whole = True
        for answer, flags, _, content in self._answers(sequence, sequence):
            whole &= not flags & _INTERRUPTED
            if answer == _DONE:
                code = int.from_bytes(content[:4], sys.byteorder, signed=True)
                if code:
                    raise NetlinkError(-code, "")
                break
            if answer == _ERROR:
                _raise(flags, content, 0)
                break
            found.append(Answer(answer, content))
        return found, whole

    def _send_chunk(self, chunk: list[Request], done: int) -> None:
        """Send, and wait for the last one's acknowledgement; refusals come in any case."""
        last = self._send(chunk, REQUEST, acknowledged=True)
        first = last - len(chunk) + 1
        refused: tuple[int, int, bytes] | None = None
        for kind, flags, sequence, body in self._answers(first, last):
            if kind != _ERROR:
                continue
            if refused is None and refusal(flags, body)[0]:
                refused = (flags, sequence, body)
            if sequence == last:
                break
        if refused:
            _raise(refused[0], refused[2], done + refused[1] - first)

    def _send(self, chunk: Sequence[Request], always: int, *, acknowledged: bool = False) -> int:
        parts = []
        number = self._sequence
        for request in chunk:
            number += 1
            flags = always | request.flags
            if acknowledged and number == self._sequence + len(chunk):
                flags |= ACK
            size = 16 + len(request.body)
            parts.append(_HEADER.pack(size, request.kind, flags, number, 0))
            parts.append(request.body)
            if size & 3:
                parts.append(bytes(-size & 3))
        self._sequence = number
        self._socket.send(b"".join(parts))
        return number

    def _answers(self, first: int, last: int) -> Iterator[tuple[int, int, int, bytes]]:
        while True:
            try:
                size = self._socket.recv_into(self._received)
            except BlockingIOError as error:
                raise NetlinkError(errno.ETIMEDOUT, "the kernel does not answer") from error
            for message in messages(bytes(self._received[:size])):
                if message[0] == _OVERRUN:
                    raise NetlinkError(errno.ENOBUFS, "")
                # An earlier request's, which somebody did not wait for.
                if first <= message[2] <= last:
                    yield message


def _raise(flags: int, body: bytes, position: int) -> None:
    code, text = refusal(flags, body)
    if code:
        raise NetlinkError(code, text, position)
