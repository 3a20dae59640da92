"""What ``fogbed open`` finds on a laptop testbed: what has a port on loopback anyway."""

from __future__ import annotations

from urllib.parse import urlsplit

from fogbed.errors import UsageError
from fogbed.platforms.base import Endpoints, Opened


def opened_here(testbed: str, name: str, endpoints: Endpoints, local_port: int) -> Opened:
    """Return where a service is; ``local_port``: the port that was asked for, 0 for any.

    Raises:
        UsageError: there is no such service, or its port is another one.
    """
    titles = {"flink": "Flink", "prometheus": "Prometheus"}
    if name not in titles:
        raise UsageError(
            f"testbed {testbed} is of platform local, which has no {name}",
            hint="its rides, savepoints and output are in folders: fogbed down names them",
        )
    url = endpoints.flink if name == "flink" else endpoints.prometheus
    if url is None:
        raise UsageError(
            f"testbed {testbed} runs no Prometheus",
            hint="write services: {prometheus: {enabled: true}} in its file, then fogbed up",
        )
    if local_port not in (0, urlsplit(url).port):
        raise UsageError(
            f"{titles[name]} of testbed {testbed} is at {url} as long as it is up",
            hint=f"fogbed up --port {local_port} moves it" if name == "flink" else "open that",
        )
    return Opened(url=url, is_held=False)
