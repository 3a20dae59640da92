"""Agents on many nodes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from fogbed.clients.channel import Channel
from fogbed.network.agent_client import Agent

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 64


@contextmanager
def agents(channels: Mapping[str, Channel]) -> Iterator[dict[str, Agent]]:
    """Open a session on every node; leaving the block ends them all.

    Raises:
        NetworkError: one of them cannot be opened.
    """
    with ExitStack() as stack:
        sessions = {node: Agent(channel) for node, channel in channels.items()}
        # Opening one over ssh takes a second: all at once. What did open is closed on any failure.
        opened = in_parallel(stack.enter_context, sessions.values())
        yield dict(zip(sessions, opened, strict=True))


def in_parallel(act: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``act`` of every item, in their order; the first failure is raised once all ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(act, items))
