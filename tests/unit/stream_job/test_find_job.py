from __future__ import annotations

import pytest

from fogbed.clients.flink_values import JobSummary
from fogbed.errors import UsageError
from fogbed.stream_job.flink.status import find_job


class Remembers:
    url = "http://127.0.0.1:8081"

    def __init__(self, *states):
        self._states = states

    def jobs(self):
        return tuple(
            JobSummary(
                id=f"{number}e", name="nearest", state=state, started=0.0, ended=None, tasks={}
            )
            for number, state in enumerate(self._states)
        )


def test_the_only_one_that_runs_is_meant():
    assert find_job(Remembers("FINISHED", "RUNNING"), None) == "1e"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((), "no job runs at http://127.0.0.1:8081"),
        (("FINISHED",), "no job runs at http://127.0.0.1:8081; ended: 0e (nearest) finished"),
        (("RUNNING", "RUNNING"), "there are 2 running jobs at http://127.0.0.1:8081"),
    ],
)
def test_where_none_or_several_run_it_is_said_which(states, said):
    with pytest.raises(UsageError) as refused:
        find_job(Remembers(*states), None)
    assert refused.value.message == said
