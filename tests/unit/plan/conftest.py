"""Plans of laptop testbeds, as a test's file has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogbed import spec
from fogbed.plan.flink_settings import Runtime
from fogbed.plan.local import plan_local


@pytest.fixture
def laptop(tmp_path):
    """Return what plans the testbed of a text; ``programs``: those that watch it, by name."""

    def plan(text, *, folder=tmp_path, **programs):
        path = tmp_path / "testbed.yml"
        path.write_text(text, encoding="utf-8")
        return planned(spec.load_testbed(path), folder=folder, **programs)

    return plan


@pytest.fixture
def laptop_plan():
    """Return what plans a testbed; what else ``plan_local`` is told is given by keyword."""
    return planned


def planned(testbed, *, folder=Path("/state/bench"), **more):
    return plan_local(
        testbed,
        Runtime(java=Path("/j"), java_version="17", jars=(Path("/a.jar"),), plugins=Path("/p")),
        number=7,
        folder=folder,
        storage="file:///state/bench",
        log4j=Path("/l"),
        scheduler="adaptive",
        **more,
    )
