"""A laptop testbed's plan from what this computer has."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fogbed import links
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.local import plan_local
from fogbed.plan.local_processes import LocalEmulator, LocalPlan
from fogbed.platforms.local.runtime import find_runtime
from fogbed.platforms.local.watchers import Watchers
from fogbed.platforms.long_links import computer_memory
from fogbed.platforms.requests import Scheduler
from fogbed.spec.testbed import Testbed

LOG4J = Path(__file__).with_name("log4j2.properties")


class Decided(NamedTuple):
    """What ``up`` decided or found: the testbed's number, scheduler, who shapes, who watches.

    ``links``: what an experiment asks of the TaskManagers' buffers; None where none is known.
    """

    number: int
    scheduler: Scheduler
    emulator: LocalEmulator
    watchers: Watchers
    links: LinkDemand | None = None


def plan_here(testbed: Testbed, root: Path, decided: Decided, *, touch: bool = True) -> LocalPlan:
    """Plan a testbed that keeps its files in ``root``; ``touch``: it may be written to.

    Raises:
        UsageError: the testbed cannot run on one computer.
        PlatformError: Java or Flink is missing.
    """
    folder = links.plain(root)
    return plan_local(
        testbed,
        find_runtime(lists=folder / "classes" if touch else None),
        number=decided.number,
        folder=folder,
        storage=links.flink_uri(root),
        log4j=links.plain(LOG4J),
        scheduler=decided.scheduler,
        emulator=decided.emulator,
        prometheus=decided.watchers.prometheus,
        grafana=decided.watchers.grafana,
        links=decided.links,
        computer=computer_memory(),
    )
