"""Facts about nodes that the kernel joins, before anything shapes; prints them as JSON.

On any kernel: no queue is needed for it.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

from fogbed.network.devices import DEVICE
from fogbed.network.joined import Place, join
from fogbed.network.namespaces import create_namespace, inside

COUNT = 12
PORT = 9
IP_RECVTTL, IP_TTL = 12, 2  # linux/in.h
SIOCETHTOOL = 0x8946
# linux/ethtool.h: what tells of large segments (sent by TCP, sent at all, received)
OFFLOADS = {"tso": 0x1E, "gso": 0x23, "gro": 0x2B}


def socket_in(place):
    with inside(place.namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.bind(("", PORT))
    return made


def address_of(place):
    return place.address.partition("/")[0]


def reached(sockets, wait_s):
    """Return who has received something within a time, and with which times to live."""
    who, lives = set(), set()
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        ready, _, _ = select.select(sockets, [], [], max(0.0, end - time.monotonic()))
        for each in ready:
            text, control, _, _ = each.recvmsg(2000, 100)
            lives |= {struct.unpack("=i", value)[0] for _, kind, value in control if kind == IP_TTL}
            who.add((text.decode(), sockets.index(each)))
        if len(who) == len(sockets) * (len(sockets) - 1):
            break
    return who, lives


def all_to_all(places, sockets):
    """Send one packet on every way; tell which pairs it came through, and what it had to live."""
    for i, sender in enumerate(sockets):
        for j, place in enumerate(places):
            if i != j:
                sender.sendto(str(i).encode(), (address_of(place), PORT))
    who, lives = reached(sockets, 30)
    return {"pairs": len(who), "lives": sorted(lives)}


def to_all_at_once(places, sockets):
    """Send to the network's broadcast address and to a group; tell who hears it."""
    group, network = "224.0.0.251", places[0].address.rpartition(".")[0]
    for place, each in zip(places, sockets, strict=True):
        interface = socket.inet_aton(address_of(place))
        member = socket.inet_aton(group) + interface
        each.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
    loop = struct.pack("=B", 0)
    sockets[0].setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, loop)
    for target in (f"{network}.255", group):
        sockets[0].sendto(b"all", (target, PORT))
    who, _ = reached(sockets, 0.5)
    return sorted(number for _, number in who if number)


def large_segments(place):
    """Return what of a node's device hands on more than a packet."""
    found = []
    with inside(place.namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, command in OFFLOADS.items():
            value = array.array("I", [command, 0])
            request = struct.pack("16sP16x", DEVICE.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, SIOCETHTOOL, request)
            found += [name] * bool(value[1])
    return found


def mtu(place):
    with inside(place.namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, 0x8921, struct.pack("16si20x", DEVICE.encode(), 0))
    return struct.unpack("16si20x", answer)[1]


def main():
    places = [
        Place(f"n{number}", f"10.78.0.{number}/24", create_namespace())
        for number in range(1, COUNT + 1)
    ]
    joined = join("tc", places)
    sockets = [socket_in(place) for place in places]
    facts = {
        "kind": joined.kind,
        "pairs": COUNT * (COUNT - 1),
        "ways": all_to_all(places, sockets),
        "at_once": to_all_at_once(places, sockets),
        "large_segments": large_segments(places[0]),
        "mtu": mtu(places[0]),
    }
    for place in places:
        os.close(place.namespace)
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main()
