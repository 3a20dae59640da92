"""What a user may ask of ``up`` and ``down``, whatever the platform; and what an answer looks like.

``fogbed.spec.abilities`` says which of these a platform heeds; others are refused before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.flink_settings import Scheduler

__all__ = ["ALL_PARTS", "DownRequest", "Part", "Preview", "Scheduler", "UpRequest"]

Part = Literal["machines", "stack"]
ALL_PARTS: frozenset[Part] = frozenset({"machines", "stack"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UpRequest:
    """How a testbed is to come up.

    ``scheduler``: what a JobManager that is started now runs, where the spec says ``auto``.
    ``links``: what an experiment asks of the TaskManagers' network buffers, likewise.
    ``port``: the loopback port of Flink's web page; None: the first free one. ``shared``: whether
    every user of the computer may use it; None leaves that as it is. ``limit`` and ``tags``: only
    these nodes and roles. ``rehearse``: ask every node what would change, and change nothing.
    ``parts``: the machines with their cluster, and the stack on it (Flink and what it needs).
    """

    scheduler: Scheduler | None = None
    links: LinkDemand | None = None
    port: int | None = None
    shared: bool | None = None
    limit: Sequence[str] = ()
    tags: Sequence[str] = ()
    rehearse: bool = False
    parts: frozenset[Part] = ALL_PARTS
    become_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownRequest:
    """What is to go.

    ``everything``: savepoints and output as well. ``purge``: machines are given back as they were
    found. ``forget_silent``: machines, or a cluster, that do not answer are given up, with all that
    is on them.
    ``in_a_hurry``: what would make the next ``up`` quicker is not prepared.
    """

    everything: bool = False
    purge: bool = False
    forget_silent: bool = False
    limit: Sequence[str] = ()
    in_a_hurry: bool = False
    become_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What ``up`` would make: a title, a row per node under column names, a last remark."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""
