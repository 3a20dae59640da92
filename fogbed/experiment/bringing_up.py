"""The first step of a run: its testbed is up, as the experiment needs it, and nobody else's."""

from __future__ import annotations

from fogbed.experiment.borrowed_testbed import BorrowedTestbed
from fogbed.experiment.record import environment
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.workloads.workload import Workload
from fogbed.plan.flink_buffers import LinkDemand


def bring_up(context: RunContext, hold: BorrowedTestbed, links: LinkDemand) -> Workload:
    """Bring the testbed up, take it over, and write down what it is; return its workload.

    ``links``: what the experiment asks of the TaskManagers' network buffers.

    Raises:
        PlatformError: something did not come up, or a running job forbids what is needed.
    """
    platform, scheduler = context.platform, context.scheduler
    status = hold.ensure_up(scheduler, links, context.progress)
    workload = context.dependencies.workload(context.resolved, platform, context.bundle)
    workload.take_over()
    platform.use_scheduler(scheduler, context.progress)
    buffers = platform.use_links(links, context.progress)
    if buffers:
        context.progress.note(f"long links: {buffers}")
    described = {**context.described, "scheduler": scheduler, "long_links": buffers}
    offset_ms = platform.clock_offset_ms()
    write_json(
        context.bundle.environment_file,
        environment.capture(status, described, context.command, offset_ms),
    )
    return workload
