"""A run's samples and events as series of Prometheus: ``fogbed_<metric>`` with their labels.

Which columns of a sample become which labels is said by the metric's scope (``metric_names``); all
have ``testbed`` and ``run``. Dashboards show these series and the report shows the samples, so that
both have the same figures.

======================================================== ====================================
``fogbed_<metric>{operator,subtask,node,tier}``          of operators
``fogbed_<metric>{operator}``                            of the job
``fogbed_<metric>{source,target}``                       of links
``fogbed_<metric>{process,node,tier}``                   of processes
``fogbed_run_info{experiment} 1``                        every second while the run goes on
``fogbed_phase{phase} 1``                                the phase that is on
``fogbed_action{index,title,do,outcome} 1``              at the instant of an action
``fogbed_verdict{verdict} 1``                            at the end
======================================================== ====================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fogbed.clients.series import NAME, Labels, Series, labels_of
from fogbed.experiment.sampling.metric_names import Metric, Scope, metrics_of, split_pair
from fogbed.platforms.measuring import Sample
from fogbed.spec.job_description import JobDescription
from fogbed.spec.testbed import Testbed

PREFIX = "fogbed_"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
# buckets of a histogram are rows of one instant: the percentiles are handed over
_KEPT_HERE: tuple[Scope, ...] = ("latency",)
# what a run says of itself, and what each of these means; the figure is always 1
OF_RUNS = {
    "run_info": "a run goes on, of this experiment",
    "phase": "the phase of the run that is on",
    "action": "an action, at the instant when it began, with its outcome",
    "verdict": "what the run came to, at its end",
}

Key = tuple[str, str, int, str]


class RunSeries:
    """Makes series of what one run records; labels of samples are made once."""

    def __init__(self, testbed: Testbed, run: str, experiment: str, job: JobDescription) -> None:
        self._of_run = {"testbed": testbed.name, "run": run}
        self._experiment = experiment
        self._tiers = {node.name: node.tier for node in testbed.nodes}
        self._metrics = metrics_of(job)
        self._labels: dict[Key, Labels] = {}

    def of_samples(self, rows: Iterable[Sample]) -> list[Series]:
        """Return a series for each sample that is a number; of two that are one, the later."""
        found: dict[Labels, Series] = {}
        for row in rows:
            if self._is_pushed(row):
                labels = self._labels_of(row)
                found[labels] = Series(labels, ((row.time, row.value),))
        return list(found.values())

    def of_instant(self, time: float, phase: str | None) -> list[Series]:
        """Return that the run goes on at ``time`` (epoch seconds), and in which phase."""
        info = self._one("run_info", time, experiment=self._experiment)
        return [info] if phase is None else [info, self._one("phase", time, phase=phase)]

    def of_action(self, line: Mapping[str, Any], origin: float) -> Series:
        """Return an action of the journal, when it began; one that was left out, when that was.

        ``origin``: epoch seconds of the first ride.
        """
        began_s = line.get("actual_s")
        return self._one(
            "action",
            line["time"] if began_s is None else origin + began_s,
            index=str(line["index"]),
            title=line["title"],
            do=line["do"],
            outcome=line["outcome"],
        )

    def of_verdict(self, time: float, status: str) -> Series:
        """Return what the run came to."""
        return self._one("verdict", time, verdict=status)

    def _one(self, name: str, time: float, **labels: str) -> Series:
        named = {NAME: PREFIX + name, **self._of_run, **labels}
        return Series(labels_of(named), ((time, 1.0),))

    def _is_pushed(self, row: Sample) -> bool:
        metric = self._metrics.get(row.name)
        # a rate is not a number until a subtask's clock has moved
        return not math.isnan(row.value) and (metric is None or is_pushed(metric))

    def _labels_of(self, row: Sample) -> Labels:
        key = (row.name, row.operator, row.subtask, row.node)
        if key not in self._labels:
            scope = scope_of(row, self._metrics)
            named = {NAME: metric_name(row.name), **self._of_run, **columns_of(row, scope)}
            named["tier"] = self._tiers.get(named.get("node", ""), "")
            self._labels[key] = labels_of(named)
        return self._labels[key]


def is_pushed(metric: Metric) -> bool:
    """Say whether the samples of a metric are handed over."""
    return metric.scope not in _KEPT_HERE


def metric_name(sampled: str) -> str:
    """Return what a sampled metric is called in Prometheus."""
    return PREFIX + _NOT_IN_NAMES.sub("_", sampled)


def scope_of(row: Sample, metrics: Mapping[str, Metric]) -> Scope:
    """Return the scope of a sample; of a metric that nobody described, what its columns look like.

    A platform of somebody else's may sample what no job and no table here knows.
    """
    described = metrics.get(row.name)
    if described is not None:
        return described.scope
    if all(split_pair(row.node)):
        return "link"
    return "operator" if row.subtask >= 0 else "process"


def columns_of(row: Sample, scope: Scope) -> dict[str, str]:
    """Return a sample's key columns under the names of their labels; empty ones are none."""
    if scope == "link":
        source, target = split_pair(row.node)
        return {"source": source, "target": target}
    operator = "process" if scope == "process" else "operator"
    subtask = str(row.subtask) if row.subtask >= 0 else ""
    return {operator: row.operator, "subtask": subtask, "node": row.node}
