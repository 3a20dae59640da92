"""Flows that a node sends, bounded in time and size."""

from __future__ import annotations

import socket
import time
from typing import Any

from fogbed.network.agent.bounds import bounded
from fogbed.network.agent.receiver import IP_UDP_HEADERS, PAYLOAD, payload_checksum

MAX_OCTETS = 4 * 2**30
SO_NO_CHECK = 11  # asm-generic/socket.h: packets without UDP's checksum
IP_MTU = 14  # linux/in.h: of the way to whom the socket is connected

# Assigned, not annotated: this must mean something to Python 3.9 at run time
Address = tuple[str, int]


def send(  # noqa: PLR0913, PLR0917 - the request's own members
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


def send_udp(  # noqa: PLR0913, PLR0917 - as send
    address: Address,
    seconds: float,
    rate_bps: float | None,
    octets: int,
    size: int,
    make_up_s: float,
) -> dict[str, Any]:
    """Send numbered packets of ``size`` layer 3 bytes (40 at least), evenly spaced at the rate.

    They are smaller where the way's MTU is: of one in two fragments, a full queue drops the second.
    Of what was missed while this process waited for a processor, ``make_up_s`` seconds at most are
    made up for: a long burst fills the link's queue, and what that drops would look like loss.
    """
    sent = refused = 0
    before = stall = forgiven = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        # a packet that is corrupted on its way must come in, to be counted: it has its own checksum
        sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        sender.connect(address)
        size = min(size, sender.getsockopt(socket.IPPROTO_IP, IP_MTU))
        filler = bytes(max(0, size - IP_UDP_HEADERS - PAYLOAD.size))
        gap = size * 8 / rate_bps if rate_bps else 0.0
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
                sender.send(PAYLOAD.pack(sent, payload_checksum(sent, filler)) + filler)
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
