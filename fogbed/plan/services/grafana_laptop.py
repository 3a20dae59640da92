"""Grafana on a laptop: one process beside Prometheus, in the keeper's namespace.

It is told the same as on a cluster, in a file; nothing but loopback is there for it to call.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fogbed.plan.local_processes import (
    GRAFANA,
    GRAFANA_PORT,
    PROMETHEUS_PORT,
    LocalProcess,
)
from fogbed.plan.services.grafana import MEMORY
from fogbed.plan.services.grafana_settings import (
    Surroundings,
    as_ini,
    boards,
    provisioned,
    settings_of,
)
from fogbed.spec.testbed import Testbed

# its database as it is made, the dashboards' index and what it says in its first hours
DISK = 30 * 10**6
LOGIN = ("password", "key")
"""What admin is let in with, and what Grafana keeps secrets of its own with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaProgram:
    """The program that runs here; ``home``: the folder with its pages and its default settings.

    ``words`` follow the program's name: one that has several commands is told which.
    """

    program: Path
    words: tuple[str, ...]
    home: Path
    version: str


def data_folder(folder: Path) -> Path:
    """Return where Grafana keeps its database, in a testbed's folder."""
    return folder / GRAFANA


def login_file(folder: Path, name: str) -> Path:
    """Return the file of one of ``LOGIN``, in a testbed's folder."""
    return folder / "grafana-login" / name


def conf_folder(folder: Path) -> Path:
    """Return where what Grafana is given lies, in a testbed's folder."""
    return folder / "conf" / GRAFANA


def provisioning_folder(folder: Path) -> Path:
    """Return where Grafana looks for data sources and dashboards, in a testbed's folder."""
    return conf_folder(folder) / "provisioning"


def process(testbed: Testbed, grafana: GrafanaProgram, folder: Path) -> LocalProcess:
    """Plan the process of a testbed that keeps its files in ``folder`` (a plain path)."""
    conf, data = conf_folder(folder), data_folder(folder)
    ini, log = conf / "grafana.ini", folder / "logs" / f"{GRAFANA}.log"
    there = Surroundings(
        prometheus=f"http://127.0.0.1:{PROMETHEUS_PORT}",
        provisioning=str(provisioning_folder(folder)),
        dashboards=str(conf / "dashboards"),
        port=GRAFANA_PORT,
        # Grafana reads the files itself: what is in them stands nowhere else
        login={
            ("security", "admin_password"): f"$__file{{{login_file(folder, 'password')}}}",
            ("security", "secret_key"): f"$__file{{{login_file(folder, 'key')}}}",
        },
    )
    settings = settings_of(testbed, there) | {
        ("server", "http_addr"): "127.0.0.1",
        ("paths", "data"): str(data),
        ("paths", "logs"): str(data / "logs"),
        ("paths", "plugins"): str(data / "plugins"),
    }
    provisioning = provisioned(testbed, there).items()
    return LocalProcess(
        service=GRAFANA,
        node=None,
        slots=0,
        argv=(
            str(grafana.program),
            *grafana.words,
            f"--homepath={grafana.home}",
            f"--config={ini}",
        ),
        # the collector works harder from there on (Go's own limit)
        environment={"GOMEMLIMIT": f"{MEMORY * 7 // 8 // 2**20}MiB"},
        # they would count for more than its file
        hides=("GF_",),
        files={
            str(ini): f"# Rendered by fogbed; edit the testbed's spec instead.\n{as_ini(settings)}",
            **{f"{there.provisioning}/{name}": text for name, text in provisioning},
            **{f"{there.dashboards}/{name}": text for name, text in boards().items()},
        },
        log=log,
        output=log,
    )
