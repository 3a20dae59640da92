"""What a testbed offers, one file each, and the table of them."""

from __future__ import annotations

from fogbed.plan.services.jobmanager import JOBMANAGER
from fogbed.plan.services.service import Service
from fogbed.plan.services.taskmanager import TASKMANAGER

SERVICES: dict[str, Service] = {each.name: each for each in (JOBMANAGER, TASKMANAGER)}
"""In the order in which they start."""
