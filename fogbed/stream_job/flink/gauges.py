"""The job's own metrics, read from REST per subtask.

REST names a metric ``SUBTASK.SCOPE.NAME``, where the scope is Flink's name of the operator with
other signs made underscores (``0.Source__rides.ridesOut``, ``1.results__Writer.ridesIn``).
"""

from __future__ import annotations

from collections.abc import Collection

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import Vertex
from fogbed.stream_job.flink.operators import operators_of


def parse_metric(metric: str) -> tuple[int, str, str]:
    """Return the subtask, the scope ("" for a task's own) and the name of a metric of REST."""
    subtask, _, rest = metric.partition(".")
    scope, _, name = rest.rpartition(".")
    return int(subtask), scope, name


def read_gauges(
    flink: FlinkClient, job_id: str, vertex: Vertex, operator: str, names: Collection[str]
) -> list[dict[str, float]]:
    """Return an operator's metrics by name, per subtask of its vertex (empty where not there).

    A name that ends in ``*`` means every metric that begins so.
    """
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    wanted = []
    for metric in flink.metric_names(job_id, vertex.id):
        _, scope, name = parse_metric(metric)
        if operators_of(scope, (operator,)) and (
            name in names or name.startswith(prefixes or ("*",))
        ):
            wanted.append(metric)
    values: list[dict[str, float]] = [{} for _ in range(vertex.parallelism)]
    if not wanted:
        return values
    for metric, value in flink.metrics(job_id, vertex.id, wanted).items():
        subtask, _, name = parse_metric(metric)
        if subtask < len(values):
            values[subtask][name] = value
    return values
