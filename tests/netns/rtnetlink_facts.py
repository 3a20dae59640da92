"""Links by netlink, addresses and routes by `ip`; all read back by netlink. Prints JSON."""

from __future__ import annotations

import json
import subprocess
import sys

from fogbed.network.agent import rtnetlink
from fogbed.network.agent.netlink import Netlink, NetlinkError


def refused(what):
    try:
        what()
    except NetlinkError as error:
        return [error.errno, error.position]
    return None


def main():
    with Netlink() as netlink:
        netlink.do(rtnetlink.add_device("v0", "veth", peer="v1"))
        one, other = (rtnetlink.link(netlink, name).index for name in ("v0", "v1"))
        netlink.batch(
            [
                rtnetlink.set_up(one),
                rtnetlink.set_up(other),
                rtnetlink.set_mtu(one, 1400),
            ]
        )
        for change in (
            "address add 10.9.0.1/24 dev v0",
            "route add 10.244.2.0/24 via 10.9.0.2",
            "route add default dev v0 table 4711",
        ):
            subprocess.run(["ip", *change.split()], check=True)
        device = rtnetlink.link(netlink, "v0")
        facts = {
            "device": [device.kind, device.mtu, device.hardware, device.up, device.peer == other],
            "addresses": [each.address for each in rtnetlink.addresses(netlink)],
            "routes": [
                [each.target, each.via, each.table]
                for each in rtnetlink.routes(netlink)
                if each.kind == rtnetlink.UNICAST
            ],
            "route": rtnetlink.route_to(netlink, "10.244.2.9").via,
            "no_route": rtnetlink.routes_to(netlink, ["203.0.113.1"]),
            "no_device": refused(lambda: rtnetlink.link(netlink, "nope")),
            "second_of_three": refused(
                lambda: netlink.batch([rtnetlink.set_up(each) for each in (one, 999, other)])
            ),
        }
        netlink.do(rtnetlink.delete_device(one))
        facts["left"] = [each.name for each in rtnetlink.links(netlink)]
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()
