"""The alerts of a testbed's Prometheus that fire now: what spoils an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.clients.prometheus_values import Alert
from fogbed.errors import FogbedError
from fogbed.platforms.base import Endpoints

# who asks how a testbed is does not wait for one that is silent, in seconds
_PATIENCE_S = 2


def firing_alerts(endpoints: Endpoints | None) -> Sequence[Alert]:
    """Return what fires, by name; nothing where there is no Prometheus, or it does not answer."""
    if endpoints is None or endpoints.prometheus is None:
        return ()
    from fogbed.clients.prometheus import PrometheusClient  # noqa: PLC0415 - only where it is

    try:
        with PrometheusClient(endpoints.prometheus, timeout_s=_PATIENCE_S) as client:
            return [alert for alert in client.alerts() if alert.state == "firing"]
    except FogbedError:
        return ()
