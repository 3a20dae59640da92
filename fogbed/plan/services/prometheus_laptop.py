"""Prometheus on a laptop: one process beside the nodes, in the keeper's namespace.

Its flags and its configuration are those of 2.39 to 3.x.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from fogbed.plan.local_processes import (
    KEEPER_METRICS_PORT,
    PROMETHEUS,
    PROMETHEUS_PORT,
    LocalProcess,
)
from fogbed.plan.services.prometheus import storage_arguments
from fogbed.spec.services import Prometheus
from fogbed.spec.testbed import Testbed

# what it writes in its first hours beside an idle Flink: 0.2 MB a minute at 1 s
DISK = 20 * 10**6
_KEEPER = f"127.0.0.1:{KEEPER_METRICS_PORT}"
_SELF = f"127.0.0.1:{PROMETHEUS_PORT}"
# no more than this, as long as that is enough: a laptop has other things to hold (Go's own limit)
_SOFT_MEMORY = "256MiB"
# a busy laptop is late at times: no gap is drawn for that, and rules are asked no more often
_SLOW_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusProgram:
    """The program that runs here; ``rules``: the text of each file of rules by its name."""

    program: Path
    version: str
    rules: Mapping[str, str]


def process(testbed: Testbed, prometheus: PrometheusProgram, folder: Path) -> LocalProcess:
    """Plan the process of a testbed that keeps its files in ``folder`` (a plain path)."""
    asked = testbed.services.prometheus
    conf = folder / "conf" / PROMETHEUS
    log = folder / "logs" / f"{PROMETHEUS}.log"
    rules = {str(conf / "rules" / name): text for name, text in prometheus.rules.items()}
    return LocalProcess(
        service=PROMETHEUS,
        node=None,
        slots=0,
        argv=(
            str(prometheus.program),
            f"--config.file={conf / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / PROMETHEUS}",
            *storage_arguments(
                retention_s=asked.retention,
                size=asked.size,
                slowest_s=max(asked.scrape_interval, _SLOW_S),
            ),
            f"--web.listen-address={_SELF}",
            # pages of other sites, open in the same browser, read nothing here
            r"--web.cors.origin=https?://127\.0\.0\.1:\d+",
            "--log.level=warn",
        ),
        environment={"GOMEMLIMIT": _SOFT_MEMORY},
        files={str(conf / "prometheus.yml"): config(testbed.name, asked), **rules},
        log=log,
        output=log,
    )


def config(testbed: str, asked: Prometheus) -> str:
    """Return its configuration: what it scrapes, how often, and with which labels."""
    interval = _duration(asked.scrape_interval)
    whole = {
        "global": {
            "scrape_interval": interval,
            "evaluation_interval": _duration(max(asked.scrape_interval, _SLOW_S)),
        },
        "rule_files": ["rules/*.yml"],
        # what a run could not hand over at once comes later, and is not refused
        "storage": {"tsdb": {"out_of_order_time_window": "10m"}},
        "scrape_configs": [
            {
                "job_name": "flink",
                # which processes there are changes with `fogbed node` and with every death
                "http_sd_configs": [{"url": f"http://{_KEEPER}/targets", "refresh_interval": "5s"}],
            },
            _job("process", _KEEPER, testbed),
            _job(PROMETHEUS, _SELF, testbed),
        ],
    }
    return f"# Rendered by fogbed; edit the testbed's spec instead.\n{_dumped(whole)}"


def _job(name: str, target: str, testbed: str) -> dict[str, Any]:
    static = {"targets": [target], "labels": {"testbed": testbed}}
    return {"job_name": name, "static_configs": [static]}


def _dumped(value: Mapping[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # None there
    text = io.StringIO()
    yaml.dump(dict(value), text)
    return text.getvalue()


def _duration(seconds: float) -> str:
    """Return a duration as Prometheus spells it: whole numbers only."""
    return f"{seconds:.0f}s" if seconds == round(seconds) else f"{seconds * 1000:.0f}ms"
