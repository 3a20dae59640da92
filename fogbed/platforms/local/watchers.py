"""What watches a laptop testbed: which programs do, and whether they answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fogbed.clients.progress import Progress
from fogbed.clients.readiness import grafana_is_ready, prometheus_is_ready
from fogbed.plan.local_processes import GRAFANA, PROMETHEUS
from fogbed.plan.services.grafana_laptop import GrafanaProgram
from fogbed.plan.services.prometheus_laptop import PrometheusProgram
from fogbed.platforms.base import Endpoints
from fogbed.platforms.local import grafana, prometheus
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.spec.testbed import Testbed

_READY_S, _PAUSE_S = 15.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchers:
    """The programs that watch a testbed, None for what does not."""

    prometheus: PrometheusProgram | None
    grafana: GrafanaProgram | None

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called in endpoints."""
        found = {PROMETHEUS: self.prometheus, GRAFANA: self.grafana}
        return tuple(name for name, program in found.items() if program is not None)


def watchers_for(testbed: Testbed, *, shown: bool = True) -> Watchers:
    """Return what of this computer watches a testbed; no Grafana unless it is to be ``shown``.

    Raises:
        UsageError: the testbed asks for one that is not here, or too old.
    """
    return Watchers(
        prometheus=prometheus.prometheus_for(testbed),
        grafana=grafana.grafana_for(testbed) if shown else None,
    )


def wait_until_ready(endpoints: Endpoints, progress: Progress) -> None:
    """Return once all that watch answer; after a while it is told of those that do not."""
    deadline = time.monotonic() + _READY_S
    for title, url, is_ready in _watching(endpoints):
        while not is_ready(url):
            if time.monotonic() > deadline:
                progress.note(f"{title} does not answer yet: fogbed status says more")
                break
            time.sleep(_PAUSE_S)


def _watching(endpoints: Endpoints) -> Iterator[tuple[str, str, Callable[[str], bool]]]:
    if endpoints.prometheus is not None:
        yield "Prometheus", endpoints.prometheus, prometheus_is_ready
    if endpoints.grafana is not None:
        yield "Grafana", endpoints.grafana, grafana_is_ready


def problems_of(said: Mapping[str, Any], endpoints: Endpoints, folder: TestbedFolder) -> list[str]:
    """Return what is wrong with those that watch, by what the keeper said; Flink goes on."""
    return [
        *prometheus.problems_of(said, endpoints.prometheus, folder),
        *grafana.problems_of(said, endpoints.grafana, folder),
    ]
