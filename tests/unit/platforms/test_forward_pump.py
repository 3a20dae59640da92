"""One half of a forwarded connection: its end is passed on, whatever it ended by."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from fogbed.platforms.local import forward


class _Reader:
    def __init__(self, error: OSError) -> None:
        self._error = error

    async def read(self, _size: int) -> bytes:
        raise self._error


class _Writer:
    is_ended = False

    def write_eof(self) -> None:
        self.is_ended = True


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EHOSTUNREACH, errno.ETIMEDOUT])
def test_the_other_end_hears_of_any_failure(number: int) -> None:
    reader: Any = _Reader(OSError(number, "gone"))
    writer: Any = _Writer()
    asyncio.run(forward._pump(reader, writer))
    assert writer.is_ended
