"""A flow over a way with a small MTU, as pods behind VXLAN have: how large its packets are."""

from __future__ import annotations

import json
import socket

from fogbed.network.agent import rtnetlink
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.sender import send_udp

MTU = 1450
IP_UDP_HEADERS = 28


def main():
    with Netlink() as netlink:
        loopback = rtnetlink.link(netlink, "lo").index
        netlink.batch([rtnetlink.set_mtu(loopback, MTU), rtnetlink.set_up(loopback)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)  # noqa: FBT003 - the socket's own signature
        sent = send_udp(receiver.getsockname(), 5.0, None, 20 * MTU, 1500, 0.0)
        sizes = {IP_UDP_HEADERS + len(receiver.recv(65536)) for _ in range(sent["packets"])}
    print(json.dumps({**sent, "sizes": sorted(sizes)}))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
