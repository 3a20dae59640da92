"""What the keeper tells Prometheus: which processes to ask, and figures of its own.

Standard library only: the keeper must start at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fogbed.plan.local_processes import LocalPlan
from fogbed.plan.scrape_targets import metrics_path, scrape_targets
from fogbed.platforms.local.exposition import CONTENT_TYPE, ProcessFigures, expose
from fogbed.platforms.local.forward import Dialler
from fogbed.platforms.local.scraping import Page, Place, ScrapeServer
from fogbed.platforms.local.supervisor import Supervised
from fogbed.platforms.local.usage import usage_of

_EMULATION_S = 2.0
_LONGEST_ANSWER = 64 * 2**20  # every pair of 253 nodes


class KeeperFigures:
    """Figures of a testbed as its keeper sees it; ``programs`` are those it keeps, by name."""

    def __init__(
        self, plan: LocalPlan, programs: Mapping[str, Supervised], fabric_socket: Path
    ) -> None:
        self._plan = plan
        self._programs = programs
        self._fabric_socket = fabric_socket

    def server(self, namespaces: Mapping[str, int], dialler: Dialler) -> ScrapeServer:
        """Return what answers Prometheus; ``namespaces`` are the nodes', by name."""
        pages = {
            "/metrics": Page(CONTENT_TYPE, self.metrics),
            "/targets": Page("application/json", self.targets),
        }
        places = {
            metrics_path(each): Place(
                namespaces[each.node], (self._plan.addresses[each.node], each.metrics_port)
            )
            for each in self._plan.processes
            if each.node is not None and each.metrics_port is not None
        }
        return ScrapeServer(pages, places, dialler)

    async def targets(self) -> str:
        """Return the processes that are to run, as Prometheus discovers them."""
        wanted = {name for name, each in self._programs.items() if each.is_wanted}
        return json.dumps(scrape_targets(self._plan, wanted))

    async def metrics(self) -> str:
        """Return the figures of nodes, processes and links."""
        return expose(self._plan.nodes, self._processes(), await self._counters())

    def _processes(self) -> list[ProcessFigures]:
        own = int(Path("/proc/self").readlink().name)
        keeper = ProcessFigures(
            process="keeper", node=None, is_running=True, restarts=0, usage=usage_of(own)
        )
        others = (
            ProcessFigures(
                process=each.program.name,
                node=each.program.node,
                is_running=each.state == "running",
                restarts=each.restarts,
                usage=each.usage,
            )
            for each in self._programs.values()
            if each.is_wanted
        )
        return [keeper, *others]

    async def _counters(self) -> dict[str, Any] | None:
        """Return the counters of links that have carried something; None without an answer."""
        try:
            async with asyncio.timeout(_EMULATION_S):
                reader, writer = await asyncio.open_unix_connection(
                    self._fabric_socket, limit=_LONGEST_ANSWER
                )
                try:
                    writer.write(b'{"do": "counters", "used": true}\n')
                    answer: dict[str, Any] = json.loads(await reader.readline())
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return None
        return answer if answer["ok"] else None
