"""Whether a Prometheus answers."""

from __future__ import annotations

import requests

_TIMEOUT_S = 2.0


def is_ready(url: str) -> bool:
    """Whether the Prometheus at ``url`` takes queries now."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy from the environment does not know loopback
        try:
            return session.get(f"{url}/-/ready", timeout=_TIMEOUT_S).ok
        except requests.RequestException:
            return False
