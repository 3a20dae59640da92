"""Which vertex of Flink's job graph holds which of a job's operators.

Flink names a vertex after what is chained in it, with prefixes and suffixes of its own: ``Source:
rides -> parse``, ``results: Writer``, ``results: Committer``. This is the one place that knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import Job, Vertex


def operators_of(name: str, operators: Collection[str]) -> tuple[str, ...]:
    """Return which of ``operators`` are in a vertex, or a metric's scope, in their order."""
    words = re.split(r"[^A-Za-z]+", name)
    return tuple(operator for operator in operators if operator in words)


def vertices(
    flink: FlinkClient, job_id: str, operators: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the operators of every vertex of a job, by vertex id, in the order of the graph.

    A file sink is two vertices with one operator; chained operators share a vertex.
    """
    return {
        vertex.id: operators_of(vertex.name, operators) for vertex in flink.job(job_id).vertices
    }


def vertices_of(job: Job, operator: str) -> tuple[Vertex, ...]:
    """Return the vertices that hold ``operator``."""
    return tuple(vertex for vertex in job.vertices if operators_of(vertex.name, (operator,)))


def parallelism_of(job: Job, operators: Collection[str]) -> dict[str, int]:
    """Return the parallelism that each of the operators really has."""
    return {
        operator: found[0].parallelism
        for operator in operators
        if (found := vertices_of(job, operator))
    }


def together(job: Job, operator: str, operators: Collection[str]) -> frozenset[str]:
    """Return the operators that share a thread with ``operator``: their parallelism is one."""
    joined = {operator}
    for vertex in job.vertices:
        names = operators_of(vertex.name, operators)
        if joined.intersection(names):
            joined.update(names)
    return frozenset(joined)


def is_wanted(job: Job, parallelism: Mapping[str, int]) -> bool:
    """Say whether every subtask runs and every operator is as wide as wanted."""
    return job.is_running and all(
        vertex.parallelism == parallelism[operator]
        for operator in parallelism
        for vertex in vertices_of(job, operator)
    )
