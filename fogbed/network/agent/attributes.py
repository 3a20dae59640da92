"""Attributes of netlink's messages: how they are written and read (linux/netlink.h).

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import struct
import sys

_ATTRIBUTE = struct.Struct("=HH")
_HEAD = _ATTRIBUTE.size
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER


def attribute(kind: int, payload: bytes) -> bytes:
    """Return an attribute, padded to four octets."""
    size = _HEAD + len(payload)
    return _ATTRIBUTE.pack(size, kind) + payload + bytes(-size % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that consists of attributes."""
    return attribute(kind, b"".join(attributes))


def text_attribute(kind: int, text: str) -> bytes:
    """Return an attribute that is a C string."""
    return attribute(kind, text.encode() + b"\0")


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the attributes of ``data`` from ``offset`` on; of one type the last.

    What does not fit (a length below four, or beyond the end) ends the list.
    """
    found: dict[int, bytes] = {}
    end = len(data)
    unpack = _ATTRIBUTE.unpack_from
    while offset + _HEAD <= end:
        size, kind = unpack(data, offset)
        if size < _HEAD or offset + size > end:
            break
        found[kind & _TYPE_MASK] = data[offset + _HEAD : offset + size]
        offset += size + 3 & ~3
    return found


def attribute_of(data: bytes, offset: int, wanted: int) -> bytes:
    """Return the first attribute of a type in ``data`` from ``offset`` on, b"" if there is none.

    Of thousands of messages one part each: the rest is not looked at.
    """
    end = len(data)
    unpack = _ATTRIBUTE.unpack_from
    while offset + _HEAD <= end:
        size, kind = unpack(data, offset)
        if size < _HEAD or offset + size > end:
            break
        if kind & _TYPE_MASK == wanted:
            return data[offset + _HEAD : offset + size]
        offset += size + 3 & ~3
    return b""


def text_of(payload: bytes) -> str:
    """Return a C string."""
    return payload.split(b"\0", 1)[0].decode(errors="replace")


def number_of(payload: bytes | None, default: int = 0) -> int:
    """Return an unsigned number of as many octets as there are."""
    return int.from_bytes(payload, sys.byteorder) if payload else default
