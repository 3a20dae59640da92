"""In a guest: UDP that is sent and received with numbers, and pings. Prints JSON."""

from __future__ import annotations

import errno
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time

PORT = 9000
NUMBER = struct.Struct("=Q")
PACKET = 1500  # octets of layer 3
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
SO_TIMESTAMPNS = 35
UDP_SEGMENT, UDP_GRO = 103, 104
HEADERS = 28  # IP and UDP


def send(target, *, seconds, size, source="", first=0, gap_s=0.0, at_once=1, port=PORT, calls=None):
    """Send packets of ``size`` octets of layer 3, numbered from ``first``; return the next number.

    ``at_once``: so many with one call, cut into packets at the end of the way (UDP_SEGMENT).
    ``calls``: so often at most.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # whoever is asked for so many calls fills a queue: what waits there counts here
    buffer = 1 << 22 if calls is None else 1 << 28
    sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, buffer)
    if source:
        sock.bind((source, 0))
    sock.connect((target, port))
    if at_once > 1:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size - HEADERS)
    filler = bytes(size - HEADERS - NUMBER.size)
    end = time.monotonic() + seconds
    number = first
    while time.monotonic() < end and calls != 0:
        try:
            numbers = range(number, number + at_once)
            sock.send(b"".join(NUMBER.pack(each) + filler for each in numbers))
        except OSError as error:
            if error.errno not in {errno.ENOBUFS, errno.ECONNREFUSED}:
                raise
            time.sleep(0.001)  # the queue in front of the link is full, or nobody listens yet
            continue
        number += at_once
        calls = None if calls is None else calls - 1
        if gap_s:
            time.sleep(gap_s)
    return number


def arrivals(*, seconds, port=PORT):
    """Receive for some seconds after the first packet; return each arrival's stamp and the octets.

    Stamps are the kernel's, in nanoseconds; octets of layer 3, of all up to there. What was sent at
    once arrives at once (UDP_GRO).
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.bind(("", port))
    print("ready", flush=True)
    sock.settimeout(60)
    found, octets = [], 0
    while not found or found[-1][0] - found[0][0] < seconds * 1e9:
        data, ancillary, _, _ = sock.recvmsg(1 << 17, 256)
        by_kind = {(level, kind): value for level, kind, value in ancillary}
        whole, nanoseconds = struct.unpack_from("=qq", by_kind[socket.SOL_SOCKET, SO_TIMESTAMPNS])
        each = int.from_bytes(by_kind.get((socket.IPPROTO_UDP, UDP_GRO), b""), sys.byteorder)
        packets = -(-len(data) // each) if each else 1
        octets += len(data) + HEADERS * packets
        found.append((whole * 10**9 + nanoseconds, octets))
    return found


def receive(*, quiet_s, most_s=60.0, port=PORT):
    """Receive until nothing came for a while, ``most_s`` at most.

    Octets of layer 3 after the first packet, seconds by the kernel's stamps, how many overtook, and
    the stamps themselves (nanoseconds of the real-time clock) by number.
    """
    stamps = {}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("", port))
    print("ready", flush=True)
    sock.settimeout(30)
    packets = octets = overtaken = 0
    first = last = highest = 0
    while last - first < most_s * 1e9:
        try:
            data, ancillary, _, _ = sock.recvmsg(65536, 256)
        except socket.timeout:
            break
        sock.settimeout(quiet_s)
        seconds, nanoseconds = struct.unpack_from("=qq", ancillary[0][2])
        last = seconds * 10**9 + nanoseconds
        number = NUMBER.unpack_from(data)[0]
        stamps[number] = last
        if packets:
            octets += len(data) + HEADERS
        else:
            first = last
        overtaken += number < highest
        highest = max(highest, number)
        packets += 1
    return {
        "packets": packets,
        "octets": octets,
        "seconds": (last - first) / 1e9,
        "overtaken": overtaken,
        "stamps": stamps,
    }


def swallow(port=PORT):
    """Be there for packets, and read none of them, until nobody wants that any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("", port))
        print("ready", flush=True)
        sys.stdin.read()


def ping(target, *, count, gap_s, source=""):
    """Return (when it was sent, RTT in ms) of every reply, and how many were lost."""
    argv = ["ping", "-D", "-n", "-c", str(count), "-i", str(gap_s), "-W", "3", target]
    argv[1:1] = ["-I", source] if source else []
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    replies = []
    for line in told.splitlines():
        found = re.match(r"\[(\d+\.\d+)\].* time=([\d.]+) ms(.*)", line)
        if found and "DUP" not in found[3]:
            rtt = float(found[2])
            replies.append((float(found[1]) - rtt / 1e3, rtt))
    sent = re.search(r"(\d+) packets transmitted", told)
    return replies, int(sent[1] if sent else count) - len(replies)


class Pinging:
    """A ping that goes on while something else is done."""

    def __init__(self, *arguments, **words):
        self._found = None
        self._thread = threading.Thread(target=self._run, args=arguments, kwargs=words)
        self._thread.start()

    def _run(self, *arguments, **words):
        self._found = ping(*arguments, **words)

    def is_going_on(self):
        return self._thread.is_alive()

    def found(self):
        self._thread.join()
        return self._found


def main():
    what, *rest = sys.argv[1:]
    if what == "receive":
        print(json.dumps(receive(quiet_s=2.0, most_s=float(rest[0]))), flush=True)
    elif what == "arrivals":
        found = arrivals(seconds=float(rest[0]))
        print("over", flush=True)
        print(json.dumps(found), flush=True)
    else:
        swallow()


if __name__ == "__main__":
    main()
