"""What Grafana is told wherever it runs: who may look, whom it asks, and what it shows.

A setting is known by its section and key, as in Grafana's own ``conf/defaults.ini``; pods are given
them as environment variables, a laptop's process as a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from fogbed import paths
from fogbed.spec.testbed import Testbed

Setting = tuple[str, str]

ADMIN = "admin"
BOARDS = ("experiment", "flink", "nodes", "network", "fleet")
"""The dashboards, the first of them the one that Grafana begins with."""

_OFF: tuple[Setting, ...] = (
    ("users", "allow_sign_up"),
    ("users", "allow_org_create"),
    ("analytics", "reporting_enabled"),
    ("analytics", "check_for_updates"),
    ("analytics", "check_for_plugin_updates"),
    ("analytics", "feedback_links_enabled"),
    ("news", "news_feed_enabled"),
    ("public_dashboards", "enabled"),
    ("snapshots", "enabled"),
    ("snapshots", "external_enabled"),
    ("plugins", "plugin_admin_enabled"),
    # its data sources come with it, where it may not write: replacing one ends it
    ("plugins", "preinstall_auto_update"),
    # Prometheus has the alerts
    ("unified_alerting", "enabled"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where Grafana finds what it needs: ``prometheus`` is a URL, the others are its folders.

    ``login``: the settings that lead to admin's password and to the key it keeps secrets with.
    """

    prometheus: str
    provisioning: str
    dashboards: str
    port: int
    login: Mapping[Setting, str]


def settings_of(testbed: Testbed, there: Surroundings) -> dict[Setting, str]:
    """Return who may look, and that it calls nobody but Prometheus."""
    return {
        ("security", "admin_user"): ADMIN,
        **there.login,
        ("security", "disable_gravatar"): "true",
        # cookies know no port: two testbeds that are open at once would end each other's sessions
        ("auth", "login_cookie_name"): f"grafana_session_{testbed.name}",
        ("auth.anonymous", "enabled"): "true" if testbed.services.grafana.viewer else "false",
        ("auth.anonymous", "org_role"): "Viewer",
        ("auth.anonymous", "hide_version"): "true",
        **dict.fromkeys(_OFF, "false"),
        ("plugins", "preinstall_disabled"): "true",
        ("dashboards", "default_home_dashboard_path"): f"{there.dashboards}/{BOARDS[0]}.json",
        ("dashboards", "min_refresh_interval"): "1s",
        ("paths", "provisioning"): there.provisioning,
        ("server", "http_port"): str(there.port),
        ("log", "mode"): "console",
        ("log", "level"): "warn",
    }


def as_environment(settings: Mapping[Setting, str]) -> dict[str, str]:
    """Return settings as the variables that Grafana reads them from."""
    return {_variable(setting): value for setting, value in settings.items()}


def as_ini(settings: Mapping[Setting, str]) -> str:
    """Return settings as the text of a file of Grafana's, its sections in order."""
    sections: dict[str, list[str]] = {}
    for (section, key), value in sorted(settings.items()):
        sections.setdefault(section, []).append(f"{key} = {value}")
    return "\n".join("\n".join((f"[{section}]", *lines, "")) for section, lines in sections.items())


def _variable(setting: Setting) -> str:
    return "_".join(("GF", *setting)).replace(".", "_").upper()


def provisioned(testbed: Testbed, there: Surroundings) -> dict[str, str]:
    """Return the files that say where figures are asked and where dashboards lie, by their names.

    They are JSON, which is YAML, in the folders of ``provisioning`` that Grafana looks into.
    """
    return {
        "datasources/source.yml": _source(testbed, there.prometheus),
        "dashboards/provider.yml": _provider(there.dashboards),
    }


def boards() -> dict[str, str]:
    """Return the dashboards by the names of their files, on one line each: maps have 1 MiB."""
    texts = {
        f"{name}.json": paths.asset("manifests", "grafana", "dashboards", f"{name}.json")
        for name in BOARDS
    }
    return {
        name: json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
        for name, path in texts.items()
    }


def _source(testbed: Testbed, url: str) -> str:
    interval_s = testbed.services.prometheus.scrape_interval
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": url,
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


def _provider(dashboards: str) -> str:
    provider = {
        "name": "fogbed",
        "folder": "fogbed",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": dashboards},
    }
    return json.dumps({"apiVersion": 1, "providers": [provider]}, indent=2)
