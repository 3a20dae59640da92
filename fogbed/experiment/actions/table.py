"""Every action there is: files, timeline, runner and pages read this table."""

from __future__ import annotations

from typing import Any

from fogbed.experiment.actions.exec import EXEC
from fogbed.experiment.actions.kind import ActionKind
from fogbed.experiment.actions.network import NETWORK
from fogbed.experiment.actions.rescale import RESCALE

ACTIONS: tuple[ActionKind[Any], ...] = (NETWORK, RESCALE, EXEC)

# refused as not in this version, so that nobody looks for a typing error
LATER_ACTIONS = ("node-down", "node-up", "stress", "scale")
