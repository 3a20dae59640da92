"""Grafana on a cluster: one process without a volume, provisioned by files alone.

Its dashboards are ``manifests/grafana/dashboards``, rendered from ``scripts/boards``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from fogbed import paths
from fogbed.plan.checksum import checksum_of
from fogbed.plan.cluster import Cluster
from fogbed.plan.services import prometheus
from fogbed.plan.services.service import Port
from fogbed.spec.testbed import Testbed

WEB = Port(name="web", number=3000)
USER = 472  # uid and gid of grafana in the image
MEMORY = 384 * 2**20  # bytes
ADMIN = "admin"
SECRET = "grafana-admin"  # noqa: S105 - the name of a Secret
BOARDS = ("experiment", "flink", "nodes", "network", "fleet")
"""The dashboards, the first of them the one that Grafana begins with."""

_PROVISIONING = "/etc/grafana/provisioning"
_DASHBOARDS = "/etc/grafana/dashboards"
_SECRETS = "/run/grafana"


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
    boards, settings = _boards(), _settings(testbed)
    source, provider = _source(testbed), _provider()
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
        "boards": boards,
        "settings": settings,
        "provisioning": _PROVISIONING,
        "dashboards": _DASHBOARDS,
        "secrets": _SECRETS,
        # it reads them when it starts
        "checksum": checksum_of(source, provider, *boards.values()),
    }


def _boards() -> dict[str, str]:
    """Return the dashboards by the names of their files, on one line each: maps have 1 MiB."""
    texts = {
        f"{name}.json": paths.asset("manifests", "grafana", "dashboards", f"{name}.json")
        for name in BOARDS
    }
    return {
        name: json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
        for name, path in texts.items()
    }


def _source(testbed: Testbed) -> str:
    """Return where figures are asked, as Grafana's provisioning reads it: JSON, which is YAML."""
    interval_s = testbed.services.prometheus.scrape_interval
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://prometheus:{prometheus.WEB.number}",
        "isDefault": True,
        "editable": False,
        "jsonData": {
            # what rates are taken over depends on it
            "timeInterval": f"{round(interval_s * 1000)}ms",
            "httpMethod": "POST",
            "prometheusType": "Prometheus",
            "manageAlerts": False,
        },
    }
    return json.dumps({"apiVersion": 1, "prune": True, "datasources": [source]}, indent=2)


def _provider() -> str:
    """Return where dashboards lie, as Grafana's provisioning reads it."""
    provider = {
        "name": "fogbed",
        "folder": "fogbed",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": _DASHBOARDS},
    }
    return json.dumps({"apiVersion": 1, "providers": [provider]}, indent=2)


def _settings(testbed: Testbed) -> dict[str, str]:
    """Return Grafana's settings: who may look, and that it calls nobody but Prometheus."""
    off = dict.fromkeys(
        (
            "GF_USERS_ALLOW_SIGN_UP",
            "GF_USERS_ALLOW_ORG_CREATE",
            "GF_ANALYTICS_REPORTING_ENABLED",
            "GF_ANALYTICS_CHECK_FOR_UPDATES",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
            "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED",
            "GF_NEWS_NEWS_FEED_ENABLED",
            "GF_PUBLIC_DASHBOARDS_ENABLED",
            "GF_SNAPSHOTS_ENABLED",
            "GF_SNAPSHOTS_EXTERNAL_ENABLED",
            "GF_PLUGINS_PLUGIN_ADMIN_ENABLED",
            # its data sources lie in the image, whose root is read-only: replacing one ends it
            "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
            # Prometheus has the alerts
            "GF_UNIFIED_ALERTING_ENABLED",
        ),
        "false",
    )
    return {
        "GF_SECURITY_ADMIN_USER": ADMIN,
        "GF_SECURITY_ADMIN_PASSWORD__FILE": f"{_SECRETS}/password",
        "GF_SECURITY_SECRET_KEY__FILE": f"{_SECRETS}/key",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        # cookies know no port: two testbeds that are open at once would end each other's sessions
        "GF_AUTH_LOGIN_COOKIE_NAME": f"grafana_session_{testbed.name}",
        "GF_AUTH_ANONYMOUS_ENABLED": "true" if testbed.services.grafana.viewer else "false",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_ANONYMOUS_HIDE_VERSION": "true",
        **off,
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": f"{_DASHBOARDS}/{BOARDS[0]}.json",
        "GF_DASHBOARDS_MIN_REFRESH_INTERVAL": "1s",
        "GF_PATHS_PROVISIONING": _PROVISIONING,
        "GF_SERVER_HTTP_PORT": str(WEB.number),
        "GF_LOG_MODE": "console",
        "GF_LOG_LEVEL": "warn",
    }
