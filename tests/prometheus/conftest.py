"""A real Prometheus, one for the tests of a file that do not stop it."""

from __future__ import annotations

import pytest
from prometheus_server import serving


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("prometheus")) as server:
        yield server
