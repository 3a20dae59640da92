"""A table of nf_tables of our own, by netlink (linux/netfilter/nf_tables.h): no program is needed.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from fogbed.network.agent.attributes import attribute, attributes, nested, text_attribute, text_of
from fogbed.network.agent.netlink import ACK, CREATE, REQUEST, NetlinkError, messages, refusal

CHAIN = "returning"
PRIORITY = -450
"""Before connection tracking (-200) and the reassembly of fragments that it needs (-400)."""

_NETLINK_NETFILTER = 12
_BATCH_BEGIN, _BATCH_END, _ERROR, _DONE = 16, 17, 2, 3
_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_NEWTABLE, _GETTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = 0, 1, 2, 3, 6
_IPV4 = 2  # NFPROTO_IPV4
_OWNER = 2  # NFT_TABLE_F_OWNER, Linux >= 5.12
_PREROUTING = 0  # NF_INET_PRE_ROUTING
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct("!BBH")  # struct nfgenmsg
_NETWORK_U32, _NETWORK_I32 = struct.Struct("!I"), struct.Struct("!i")
_IIFNAME, _REGISTER, _NAME_SIZE = 6, 1, 16  # NFT_META_IIFNAME, NFT_REG_1, IFNAMSIZ
_DUMP = 0x300
_BUFFER, _ANSWER_S = 1 << 16, 10.0


class Untracking:
    """A table that exempts what comes in by one device from connection tracking.

    ``owned``: the table goes with this process's socket, also when it is killed. Close it to
    remove the table.
    """

    def __init__(self, table: str, device: str) -> None:
        """Install the table, in the place of one of this name that nobody owns.

        Raises:
            OSError: this kernel has no nf_tables, or lacks a part of it that this takes.
        """
        self.table = table
        self._socket = _open()
        try:
            self.owned = self._install(device)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Remove the table."""
        try:
            _remove(self._socket, self.table)
        finally:
            self._socket.close()

    def there(self) -> bool:
        """Return whether the table is in the kernel."""
        return self.table in _tables(self._socket)

    def _install(self, device: str) -> bool:
        _remove(self._socket, self.table)
        for flags in (_OWNER, 0):
            try:
                _batch(self._socket, _table(self.table, device, flags))
            except OSError as error:
                # older kernels know no owner, and refuse the flag
                if not flags or error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
                    raise
            else:
                return bool(flags)
        raise AssertionError("the last way returns or raises")


def remove_table(table: str) -> None:
    """Remove a table that a killed process left; one that another process owns stays."""
    try:
        netfilter = _open()
    except OSError:  # no netfilter: no table
        return
    with netfilter:
        _remove(netfilter, table)


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    netfilter = socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
    netfilter.bind((0, 0))
    netfilter.settimeout(_ANSWER_S)
    return netfilter


def _remove(netfilter: socket.socket, table: str) -> None:
    try:
        if table in _tables(netfilter):
            _batch(netfilter, [(_DELTABLE, 0, text_attribute(1, table))])
    except OSError as error:
        # not there any more, no nf_tables at all, or another's
        if error.errno not in {errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}:
            raise


def _tables(netfilter: socket.socket) -> set[str]:
    number = int.from_bytes(os.urandom(3), "little") + 1
    netfilter.send(_message(_SUBSYSTEM << 8 | _GETTABLE, REQUEST | _DUMP, number, b""))
    found: set[str] = set()
    while True:
        for kind, flags, sequence, body in messages(netfilter.recv(_BUFFER)):
            if sequence != number:
                continue
            if kind == _DONE:
                return found
            if kind == _ERROR:
                _raise(flags, body)
                return found
            found.add(text_of(attributes(body, _FAMILY.size).get(1, b"")))


def _table(table: str, device: str, flags: int) -> list[tuple[int, int, bytes]]:
    """Return the changes that make the table, its chain, and its one rule."""
    named = text_attribute(1, table)
    hook = nested(
        4,  # NFTA_CHAIN_HOOK
        attribute(1, _NETWORK_U32.pack(_PREROUTING)),
        attribute(2, _NETWORK_I32.pack(PRIORITY)),
    )
    chain = named + text_attribute(3, CHAIN) + hook + text_attribute(7, "filter")
    name = device.encode().ljust(_NAME_SIZE, b"\0")
    expressions = (
        _expression(
            "meta",
            attribute(1, _NETWORK_U32.pack(_REGISTER)),  # NFTA_META_DREG
            attribute(2, _NETWORK_U32.pack(_IIFNAME)),  # NFTA_META_KEY
        ),
        _expression(
            "cmp",
            attribute(1, _NETWORK_U32.pack(_REGISTER)),  # NFTA_CMP_SREG
            attribute(2, _NETWORK_U32.pack(0)),  # NFTA_CMP_OP: NFT_CMP_EQ
            nested(3, attribute(1, name)),  # NFTA_CMP_DATA, NFTA_DATA_VALUE
        ),
        _expression("notrack"),
    )
    rule = named + text_attribute(2, CHAIN) + nested(4, *expressions)
    return [
        (_NEWTABLE, CREATE, named + attribute(2, _NETWORK_U32.pack(flags))),
        (_NEWCHAIN, CREATE, chain),
        (_NEWRULE, CREATE, rule),
    ]


def _expression(name: str, *parts: bytes) -> bytes:
    body = text_attribute(1, name)  # NFTA_EXPR_NAME
    if parts:
        body += nested(2, *parts)  # NFTA_EXPR_DATA
    return attribute(1, body)  # NFTA_LIST_ELEM


def _batch(netfilter: socket.socket, changes: list[tuple[int, int, bytes]]) -> None:
    """Have changes made all or none."""
    first = int.from_bytes(os.urandom(3), "little") + 1
    begin = _message(_BATCH_BEGIN, REQUEST, first - 1, b"", family=0, resource=_SUBSYSTEM)
    parts = [
        _message(_SUBSYSTEM << 8 | kind, REQUEST | ACK | flags, first + place, body)
        for place, (kind, flags, body) in enumerate(changes)
    ]
    last = first + len(parts)
    end = _message(_BATCH_END, REQUEST, last, b"", family=0, resource=_SUBSYSTEM)
    netfilter.send(begin + b"".join(parts) + end)
    waiting = set(range(first, last))
    while waiting:
        for kind, flags, sequence, body in messages(netfilter.recv(_BUFFER)):
            # the beginning may be refused too: by a kernel without nf_tables, or without rights
            if kind == _ERROR and first - 1 <= sequence <= last:
                _raise(flags, body)
                waiting.discard(sequence)


def _message(  # noqa: PLR0913 - what a message has
    kind: int, flags: int, sequence: int, body: bytes, *, family: int = _IPV4, resource: int = 0
) -> bytes:
    content = _FAMILY.pack(family, 0, resource) + body
    return _HEADER.pack(16 + len(content), kind, flags, sequence, 0) + content


def _raise(flags: int, body: bytes) -> None:
    code, text = refusal(flags, body)
    if code:
        raise NetlinkError(code, text)
