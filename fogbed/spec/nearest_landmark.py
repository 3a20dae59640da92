"""The nearest-landmark job: taxi rides are replayed, and each gets the landmark nearest to it."""

from __future__ import annotations

from typing import Final

from fogbed.spec.job_description import ChartRoles, JobDescription, JobMetric, JobOperator

RIDES_IN: Final = "ridesIn"
"""parse, nearest, results: rides that arrived."""
RIDES_OUT: Final = "ridesOut"
"""rides, parse, nearest: rides that were sent on."""
BACKLOG_RIDES: Final = "backlogRides"
"""rides, gauge: rides of this subtask's splits that are due and not sent; 0 when unlimited."""
BACKLOG_SECONDS: Final = "backlogSeconds"
"""rides, gauge: how far behind its schedule the subtask is, seconds."""
REJECTED_PREFIX: Final = "rejected_"
"""parse: rides that cannot be used; the rest of the name is the reason (``reasons.py``)."""

_METRICS = (
    JobMetric(
        name="rides_in_per_s",
        flink=RIDES_IN,
        kind="counter",
        unit="rides/s",
        over_subtasks="sum",
        operator="results",
        meaning="rides that entered the operator",
    ),
    JobMetric(
        name="rides_out_per_s",
        flink=RIDES_OUT,
        kind="counter",
        unit="rides/s",
        over_subtasks="sum",
        operator="rides",
        meaning="rides that left the operator",
    ),
    JobMetric(
        name="rejected_per_s",
        flink=f"{REJECTED_PREFIX}*",
        kind="counter",
        unit="rides/s",
        over_subtasks="sum",
        operator="parse",
        meaning="rides that parse refused",
    ),
    JobMetric(
        name="backlog_rides",
        flink=BACKLOG_RIDES,
        kind="gauge",
        unit="rides",
        over_subtasks="sum",
        operator="rides",
        meaning="how far the source is behind",
    ),
    JobMetric(
        name="backlog_seconds",
        flink=BACKLOG_SECONDS,
        kind="gauge",
        unit="s",
        over_subtasks="max",
        operator="rides",
        meaning="how far the source is behind",
    ),
)

NEAREST_LANDMARK: Final = JobDescription(
    name="nearest-landmark",
    operators=(
        JobOperator("rides", "source"),
        JobOperator("parse", "transformation"),
        JobOperator("nearest", "transformation"),
        JobOperator("results", "sink"),
    ),
    entry_class="fogbed.NearestLandmarkJob",
    jar="nearest-landmark.jar",
    metrics=_METRICS,
    charts=ChartRoles(
        entered="rides_in_per_s", left="rides_out_per_s", backlog="backlog_rides", unit="rides"
    ),
    oracle="nearest-landmark",
)
