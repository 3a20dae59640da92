"""Whether the node fabric can serve here, found out by trying where nobody sees it.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import ctypes
import os
import threading

from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.netlink import Netlink, NetlinkError
from fogbed.network.agent.policy_routing import change, installed
from fogbed.network.agent.routing import END, Routing, Rule
from fogbed.network.agent.tunnel import configure, open_tun
from fogbed.network.agent.untracked import exempt

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_NAME = "fogbed-try"
_MTU = 1500


def why_not() -> str:
    """Return "" where a tunnel, rules and the exemption can be made, else why not.

    In a network namespace of its own where this process may make one, else with another device's
    name, for an instant, in the one it is in.
    """
    outcome: list[str] = []

    # unshare(2) moves the calling thread only
    def attempt() -> None:
        ctypes.CDLL(None)["unshare"](_CLONE_NEWNET)
        outcome.append(_reason())

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return outcome[0] if outcome else "the trial ended without a word"


def _reason() -> str:
    try:
        descriptor = open_tun(_NAME)
        try:
            with Netlink() as netlink:
                configure(netlink, mtu=_MTU, device=_NAME)
                _try_rules(netlink)
            exempt(_NAME, table=_NAME).close()
        finally:
            os.close(descriptor)
    except BackendError as error:
        return str(error)
    except NetlinkError as error:
        return f"the kernel refuses a tunnel and its rules: {error}; it takes CAP_NET_ADMIN"
    return ""


def _try_rules(netlink: Netlink) -> None:
    there = installed(netlink)
    if there.rules:  # another process of ours has made them: so it can be done
        return
    tried = Routing(rules=frozenset({Rule(END, "nop")}))
    change(netlink, there, tried, device=0)
    change(netlink, tried, there, device=0)
