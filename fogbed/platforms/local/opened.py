"""What ``fogbed open`` finds on a laptop testbed: what has a port on loopback anyway."""

from __future__ import annotations

from urllib.parse import urlsplit

from fogbed.errors import UsageError
from fogbed.plan.local_processes import FLINK, GRAFANA, PROMETHEUS
from fogbed.platforms.base import Endpoints, Opened
from fogbed.platforms.local.grafana import INSTALL, find_grafana

_TITLES = {FLINK: "Flink", PROMETHEUS: "Prometheus", GRAFANA: "Grafana"}
_ASK = {
    PROMETHEUS: "write services: {prometheus: {enabled: true}} in its file, then fogbed up",
    GRAFANA: "write services: {prometheus: {enabled: true}, grafana: {enabled: true}} in its file, "
    "then fogbed up",
}


def opened_here(testbed: str, name: str, endpoints: Endpoints, local_port: int) -> Opened:
    """Return where a service is; ``local_port``: the port that was asked for, 0 for any.

    Raises:
        UsageError: there is no such service, or its port is another one.
    """
    if name not in _TITLES:
        raise UsageError(
            f"testbed {testbed} is of platform local, which has no {name}",
            hint="its rides, savepoints and output are in folders: fogbed down names them",
        )
    found = {
        FLINK: endpoints.flink,
        PROMETHEUS: endpoints.prometheus,
        GRAFANA: endpoints.grafana,
    }
    url = found[name]
    if url is None:
        raise UsageError(f"testbed {testbed} runs no {_TITLES[name]}", hint=_way_to(name))
    if local_port not in (0, urlsplit(url).port):
        raise UsageError(
            f"{_TITLES[name]} of testbed {testbed} is at {url} as long as it is up",
            hint=f"fogbed up --port {local_port} moves it" if name == FLINK else "open that",
        )
    return Opened(url=url, is_held=False)


def _way_to(name: str) -> str:
    """Return how a testbed gets a service that it does not run."""
    if name != GRAFANA:
        return _ASK[name]
    watch = "`fogbed watch` shows a run's figures in the terminal"
    if find_grafana() is None:
        return f"{watch}; there is no program grafana here ({INSTALL})"
    return f"{watch}; to have it {_ASK[name]}"
