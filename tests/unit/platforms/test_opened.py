"""What fogbed open finds on a laptop testbed."""

from __future__ import annotations

import pytest

from fogbed.errors import UsageError
from fogbed.platforms.base import Endpoints, Opened
from fogbed.platforms.local.opened import opened_here

ENDPOINTS = Endpoints(flink="http://127.0.0.1:8081")


@pytest.mark.parametrize("port", [0, 8081])
def test_flink_is_there_as_long_as_the_testbed_is(port):
    found = opened_here("bed", "flink", ENDPOINTS, port)
    assert found == Opened(url="http://127.0.0.1:8081", is_held=False)


@pytest.mark.parametrize(
    ("name", "port", "said"),
    [
        ("minio", 0, "testbed bed is of platform local, which has no minio"),
        ("flink", 9000, "Flink of testbed bed is at http://127.0.0.1:8081"),
    ],
)
def test_what_it_has_not_is_told(name, port, said):
    with pytest.raises(UsageError, match=said) as error:
        opened_here("bed", name, ENDPOINTS, port)
    assert error.value.hint
