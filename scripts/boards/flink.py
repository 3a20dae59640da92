"""Flink: checkpoints, restarts, memory, garbage collection, tasks, as its own reporters say."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, timeseries

from boards import variables
from boards.parts import begin, chart, figure, query, row
from boards.selectors import either, of_nodes, rate, scraped
from boards.theme import (
    BAD,
    BYTES,
    COUNT,
    DURATION,
    GOOD,
    MILLISECONDS,
    SHARE,
    WARNING,
    dashed,
    of_tiers,
    steps,
)

_JVM = "flink_(jobmanager|taskmanager)_Status_JVM"
_JOB = "flink_jobmanager_job"
_TASK = "flink_taskmanager_job_task"
_MAILBOX_P99 = of_nodes(f"{_TASK}_mailboxLatencyMs", 'quantile="0.99"')
_BUFFERS = "flink_taskmanager_Status_Shuffle_Netty"
_PROCESS = "{{component}} on {{node}} ({{tier}})"
_BY_PROCESS = "max by (component, node, tier)"
_SUBTASK = "{{task_name}} {{subtask_index}} on {{node}} ({{tier}})"
_BY_SUBTASK = "max by (task_name, subtask_index, node, tier)"


def board() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = begin("flink", "Flink", "The session cluster and its jobs, as Flink itself reports.")
    for variable in (variables.testbed(), variables.tier()):
        made = made.with_variable(variable)
    made = made.annotation(variables.actions())
    for figure_ in _figures():
        made = made.with_panel(figure_)
    for title, panels in (
        ("Checkpoints", _checkpoints()),
        ("Tasks", _tasks()),
        ("Memory and garbage collection", _memory()),
    ):
        made = made.with_row(row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def _figures() -> tuple[stat.Panel, ...]:
    """Return whether the cluster is whole and its job goes on."""
    workers = scraped("flink_jobmanager_numRegisteredTaskManagers")
    return (
        figure(
            "TaskManagers",
            query(f"max({workers})", "registered"),
            unit=COUNT,
            limits=steps((1, GOOD), first=BAD),
            about="Those that have registered at the JobManager.",
        ),
        figure(
            "Task slots free",
            query(f"max({scraped('flink_jobmanager_taskSlotsAvailable')})", "free"),
            unit=COUNT,
            limits=steps(),
            about="A rescale needs them.",
        ),
        figure(
            "Jobs running",
            query(f"max({scraped('flink_jobmanager_numRunningJobs')})", "running"),
            unit=COUNT,
            limits=steps((1, GOOD), first=WARNING),
            about="One at a time is what experiments run.",
        ),
        figure(
            "Job is running for",
            query(f"max({scraped(f'{_JOB}_runningTime')}) / 1000", "running"),
            unit=DURATION,
            limits=steps(),
            about="Since its last start, rescale or restart.",
        ),
        figure(
            "Restarts",
            query(f"max({scraped(f'{_JOB}_numRestarts')})", "restarts"),
            unit=COUNT,
            limits=steps((1, WARNING), (3, BAD)),
            about="Failures and, with the adaptive scheduler, rescales.",
        ),
        figure(
            "Checkpoints failed",
            query(f"max({scraped(f'{_JOB}_numberOfFailedCheckpoints')})", "failed"),
            unit=COUNT,
            limits=steps((1, WARNING), (5, BAD)),
            about="Each makes the way back longer, should the job fail.",
        ),
    )


def _checkpoints() -> tuple[timeseries.Panel, ...]:
    """Return how long, how large and how many; -1, before the first, is none."""

    def last(what: str) -> str:
        return f"max by (job_name) ({scraped(f'{_JOB}_lastCheckpoint{what}')}) >= 0"

    def gained(what: str) -> str:
        return f"max by (job_name) ({rate(scraped(f'{_JOB}_numberOf{what}Checkpoints'))})"

    return (
        chart(
            "Duration of the last checkpoint",
            query(last("Duration"), "{{job_name}}"),
            unit=MILLISECONDS,
            about="From its trigger to its end. Backpressure makes it longer.",
            width=8,
        ),
        chart(
            "Size of the last checkpoint",
            query(last("Size"), "{{job_name}}"),
            unit=BYTES,
            about="What was written for it.",
            width=8,
        ),
        chart(
            "Checkpoints per second",
            query(gained("Completed"), "completed"),
            query(gained("Failed"), "failed"),
            unit="cps",
            about="fogbed asks for one a second.",
            width=8,
        ),
    )


def _tasks() -> tuple[timeseries.Panel, ...]:
    """Return what the subtasks of Flink's vertices do; rates are Flink's means."""
    shares = (
        ("Busy", "busyTimeMsPerSecond", "Time at work"),
        ("Backpressured", "backPressuredTimeMsPerSecond", "Time waiting for output"),
    )
    return (
        *(
            chart(
                title,
                query(f"{_BY_SUBTASK} ({of_nodes(f'{_TASK}_{name}')}) / 1000", _SUBTASK),
                unit=SHARE,
                about=f"{about}, of wall-clock time; changes every 5 s.",
                looks=of_tiers(),
                most=1,
            )
            for title, name, about in shares
        ),
        chart(
            "Records in",
            query(
                f"sum by (task_name) ({rate(of_nodes(f'{_TASK}_numRecordsIn'))})", "{{task_name}}"
            ),
            unit="recps",
            about="All subtasks together. A source has none.",
            width=8,
        ),
        chart(
            "Mailbox latency p99",
            query(
                f"{_BY_SUBTASK} ({_MAILBOX_P99})",
                _SUBTASK,
            ),
            unit=MILLISECONDS,
            about="How long a subtask takes to turn to a checkpoint or another message.",
            looks=of_tiers(),
            width=8,
        ),
        chart(
            "Network buffers in use",
            query(
                f"{_BY_PROCESS} ({of_nodes(f'{_BUFFERS}_UsedMemorySegments')}"
                f" / {of_nodes(f'{_BUFFERS}_TotalMemorySegments')})",
                _PROCESS,
            ),
            unit=SHARE,
            about="Of each TaskManager's; all in use: nothing can be sent.",
            looks=of_tiers(),
            most=1,
            width=8,
        ),
    )


def _memory() -> tuple[timeseries.Panel, ...]:
    """Return what the Java processes take."""
    heap = f"{_BY_PROCESS} ({either(f'{_JVM}_Memory_Heap_Used')})"
    most = f"{_BY_PROCESS} ({either(f'{_JVM}_Memory_Heap_Max')})"
    gc = f"{_BY_PROCESS} ({either(f'{_JVM}_GarbageCollector_All_TimeMsPerSecond')})"
    runs = f"{_BY_PROCESS} (rate({either(f'{_JVM}_GarbageCollector_All_Count')}[$__rate_interval]))"
    return (
        chart(
            "Heap",
            query(heap, _PROCESS),
            query(most, f"most of {_PROCESS}"),
            unit=BYTES,
            about="In use; dashed: as much as there may be.",
            looks=[*of_tiers(), dashed("/^most of/")],
        ),
        chart(
            "Heap in use",
            query(f"{heap} / {most}", _PROCESS),
            unit=SHARE,
            about="Of what there may be; garbage counts until it is collected.",
            looks=of_tiers(),
            most=1,
        ),
        chart(
            "Time spent on garbage collection",
            query(f"{gc} / 1000", _PROCESS),
            unit=SHARE,
            about="Of wall-clock time. Over 10 %: the heap is too small.",
            looks=of_tiers(),
            width=8,
        ),
        chart(
            "Garbage collections",
            query(runs, _PROCESS),
            unit="cps",
            about="A second.",
            looks=of_tiers(),
            width=8,
        ),
        chart(
            "Metaspace",
            query(f"{_BY_PROCESS} ({either(f'{_JVM}_Memory_Metaspace_Used')})", _PROCESS),
            unit=BYTES,
            about="Classes of jobs; what grows with each submission is not let go.",
            looks=of_tiers(),
            width=8,
        ),
        chart(
            "Processor load",
            query(f"{_BY_PROCESS} ({either(f'{_JVM}_CPU_Load')})", _PROCESS),
            unit=SHARE,
            about="Of all the processors that the process may use.",
            looks=of_tiers(),
            most=1,
        ),
        chart(
            "Memory beside the heap",
            query(f"{_BY_PROCESS} ({either(f'{_JVM}_Memory_Direct_MemoryUsed')})", _PROCESS),
            unit=BYTES,
            about="Direct buffers: what is sent and received.",
            looks=of_tiers(),
        ),
    )
