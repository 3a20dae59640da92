"""Whether this kernel can do what a plan for tc asks, found out by doing it where nobody sees it.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading

from fogbed.network.agent import rtnetlink
from fogbed.network.agent.netlink import Netlink, NetlinkError
from fogbed.network.agent.tc_messages import request
from fogbed.plan.tc import Egress, TcPeer, leaf_of, plan_tc
from fogbed.plan.tc_diff import CLASS, FILTER, NETEM, ROOT, TABLE, Operation, diff

_CLONE_NEWNET = 0x40000000
_MODULES = {
    ROOT: "sch_htb",
    CLASS: "sch_htb",
    NETEM: "sch_netem",
    TABLE: "cls_u32",
    FILTER: "cls_u32",
}


def why_not(*, duplicate: bool = False) -> str:
    """Return "" if two peers can be shaped on a device, else what is missing, in one sentence.

    ``duplicate``: if both can also duplicate packets, which many kernels since 6.16 (and older ones
    that are kept up) refuse where a device has a second netem (check_netem_in_tree, sch_netem.c).
    Tries it on a device in a network namespace of its own; where that is not allowed, on one of a
    name of its own here. The kernel loads its modules by itself if it has them.
    """
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(_try_apart(duplicate=duplicate)))
    thread.start()
    thread.join()
    return answers[0] if answers else "the trial of tc failed"


def _try_apart(*, duplicate: bool) -> str:
    # A namespace of a thread ends with the thread and its last socket.
    if ctypes.CDLL(None).unshare(_CLONE_NEWNET):
        # never one of before: the pods of two testbeds count their processes alike, and who was
        # killed in a trial left its device
        name = f"fogbed-{os.urandom(4).hex()}"
    else:
        name = "fogbed-trial"
    try:
        with Netlink() as netlink:
            return _try_here(netlink, name, duplicate=duplicate)
    except OSError as error:
        hint = " (it takes CAP_NET_ADMIN)" if error.errno == errno.EPERM else ""
        return f"tc cannot be tried: {error.strerror}{hint}"


def _try_here(netlink: Netlink, name: str, *, duplicate: bool) -> str:
    index = _make_device(netlink, name)
    try:
        egress = Egress(name)
        leaf = leaf_of(delay_ms=1.0, rate_bps=1_000_000, duplicate=0.5 if duplicate else 0.0)
        peers = [TcPeer((f"10.0.{number}.0/24",), (), egress, leaf) for number in (1, 2)]
        for operation in diff({}, plan_tc(peers)):
            try:
                netlink.do(request(operation, index))
            except NetlinkError as error:
                return _refused(operation, error)
        return ""
    finally:
        netlink.do(rtnetlink.delete_device(index))


def _make_device(netlink: Netlink, name: str) -> int:
    """Make a device of whichever kind this kernel has, and return its index."""
    refused: NetlinkError | None = None
    for kind, peer in (("dummy", ""), ("veth", f"{name[:14]}p"), ("ifb", "")):
        try:
            netlink.do(rtnetlink.add_device(name, kind, peer=peer))
            return rtnetlink.link(netlink, name).index
        except NetlinkError as error:
            refused = error
    raise refused or OSError(errno.ENODEV, os.strerror(errno.ENODEV))


def _refused(operation: Operation, error: NetlinkError) -> str:
    if error.errno == errno.EPERM:
        return "tc is not allowed here (it takes CAP_NET_ADMIN)"
    if operation.what == NETEM and "duplicating" in str(error):
        return (
            "this kernel lets no netem that duplicates stand beside another one on a device "
            "(as many since 6.16): `duplicate` takes the backend fabric"
        )
    module, release = _MODULES[operation.what], os.uname().release
    return (
        f"this kernel has no {module} ({error.strerror}): on some systems it is in a package of "
        f"its own (Ubuntu: linux-modules-extra-{release}; Fedora, RHEL: "
        f"kernel-modules-extra-{release})"
    )
