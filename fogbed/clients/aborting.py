"""Cutting a stream at once, in any Python that fogbed runs on."""

from __future__ import annotations

from asyncio import StreamWriter
from contextlib import suppress


def abort(writer: StreamWriter) -> None:
    """Cut a connection; nothing happens to one that has ended.

    Python before 3.11.4 (Debian 12's is 3.11.2) raises AttributeError where TLS has ended already.
    """
    with suppress(AttributeError):
        writer.transport.abort()
