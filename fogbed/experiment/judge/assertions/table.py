"""Every assertion there is: files, verdict and pages read this table."""

from __future__ import annotations

from typing import Any

from fogbed.experiment.judge.assertions.emulation import EMULATION
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.assertions.metric import METRIC
from fogbed.experiment.judge.assertions.output import OUTPUT

ASSERTIONS: tuple[AssertionKind[Any], ...] = (EMULATION, METRIC, OUTPUT)
