"""The requests about the node itself and its links: loaded when the first of them comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fogbed.network.agent import links
from fogbed.network.agent.clock import clock
from fogbed.network.agent.health import health
from fogbed.network.agent.hello import hello
from fogbed.network.agent.programs import Programs
from fogbed.network.agent.stress import Stress


def node_requests(programs: Programs) -> dict[str, Callable[..., dict[str, Any]]]:
    """Return what serves each request by its name; what they start is among ``programs``."""
    return {
        "hello": hello,
        "clock": clock,
        "health": health,
        "stress": Stress(programs).stress,
        "links_apply": links.links_apply,
        "links_show": links.links_show,
        "links_counters": links.links_counters,
        "links_renew": links.links_renew,
        "links_clear": links.links_clear,
    }
