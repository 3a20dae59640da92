"""Whether the programs that watch a testbed answer."""

from __future__ import annotations

import requests

from fogbed.clients.sessions import direct_session

_TIMEOUT_S = 2.0


def prometheus_is_ready(url: str) -> bool:
    """Whether the Prometheus at ``url`` takes queries now."""
    return _answers(f"{url}/-/ready")


def grafana_is_ready(url: str) -> bool:
    """Whether the Grafana at ``url`` serves pages now, and has its database."""
    return _answers(f"{url}/api/health")


def _answers(url: str) -> bool:
    with direct_session() as session:
        try:
            return session.get(url, timeout=_TIMEOUT_S).ok
        except requests.RequestException:
            return False
