"""Grafana on a cluster: one process without a volume, provisioned by files alone.

Its dashboards are ``manifests/grafana/dashboards``, rendered from ``scripts/boards``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fogbed.plan.checksum import checksum_of
from fogbed.plan.cluster import Cluster
from fogbed.plan.services import prometheus
from fogbed.plan.services.grafana_settings import (
    Surroundings,
    as_environment,
    boards,
    provisioned,
    settings_of,
)
from fogbed.plan.services.service import Port

WEB = Port(name="web", number=3000)
USER = 472  # uid and gid of grafana in the image
MEMORY = 384 * 2**20  # bytes
SECRET = "grafana-admin"  # noqa: S105 - the name of a Secret

_SECRETS = "/run/grafana"
_THERE = Surroundings(
    prometheus=f"http://prometheus:{prometheus.WEB.number}",
    provisioning="/etc/grafana/provisioning",
    dashboards="/etc/grafana/dashboards",
    port=WEB.number,
    # the image's entry point puts a file's text in the place of its name
    login={
        ("security", "admin_password__file"): f"{_SECRETS}/password",
        ("security", "secret_key__file"): f"{_SECRETS}/key",
    },
)


def board_path(
    board: str, testbed: str, *, run: str = "", window: tuple[float, float | None] | None = None
) -> str:
    """Return the path and query that open a dashboard in Grafana.

    ``window``: from when to when, in epoch seconds; its end is None as long as it goes on. Without
    one the last quarter of an hour is shown.
    """
    begin, end = window or (None, None)
    asked = {
        "from": "now-15m" if begin is None else f"{begin * 1000:.0f}",
        "to": "now" if end is None else f"{end * 1000:.0f}",
        "var-testbed": testbed,
    }
    asked |= {"var-run": run} if run else {}
    return f"/d/fogbed-{board}?{urlencode(asked)}"


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what Grafana's manifests are rendered with."""
    testbed = cluster.testbed
    texts = boards()
    source, provider = provisioned(testbed, _THERE).values()
    return {
        "image": cluster.image("grafana"),
        "node": testbed.grafana_node,
        "host": cluster.host(testbed.grafana_node),
        "memory": MEMORY,
        # the collector works harder before the kernel kills
        "soft_memory": MEMORY * 7 // 8,
        "user": USER,
        "port": WEB,
        "secret": SECRET,
        "source": source,
        "provider": provider,
        "boards": texts,
        "settings": as_environment(settings_of(testbed, _THERE)),
        "provisioning": _THERE.provisioning,
        "dashboards": _THERE.dashboards,
        "secrets": _SECRETS,
        # it reads them when it starts
        "checksum": checksum_of(source, provider, *texts.values()),
    }
