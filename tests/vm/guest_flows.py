"""In a guest: UDP that is sent and received with numbers, and pings. Prints JSON."""

from __future__ import annotations

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
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
UDP_SEGMENT = 103
HEADERS = 28  # IP and UDP


def send(target, *, seconds, size, source="", first=0, gap_s=0.0, at_once=1, port=PORT):
    """Send packets of ``size`` octets of layer 3, numbered from ``first``; return the next number.

    ``at_once``: so many with one call, cut into packets at the end of the way (UDP_SEGMENT).
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    if source:
        sock.bind((source, 0))
    sock.connect((target, port))
    if at_once > 1:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size - HEADERS)
    filler = bytes(size - HEADERS - NUMBER.size)
    end = time.monotonic() + seconds
    number = first
    while time.monotonic() < end:
        try:
            numbers = range(number, number + at_once)
            sock.send(b"".join(NUMBER.pack(each) + filler for each in numbers))
        except OSError:  # the queue in front of the link is full, or nobody listens yet
            time.sleep(0.001)
            continue
        number += at_once
        if gap_s:
            time.sleep(gap_s)
    return number


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


if __name__ == "__main__":
    main()
