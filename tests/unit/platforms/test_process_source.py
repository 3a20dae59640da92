from __future__ import annotations

import os

from fogbed.platforms.process_source import REFRESH_S, ProcessSource, RunningProcess

ITSELF = RunningProcess(role="itself", node="fog-1", pid=os.getpid())
GONE = RunningProcess(role="gone", node=None, pid=2**22 + 1)  # beyond any process id of Linux


def test_a_process_has_memory_at_once_and_a_share_from_the_second_reading_on():
    source = ProcessSource("processes", lambda: [ITSELF, GONE])
    (first,) = source.read(100.0)
    assert (first.name, first.operator, first.node) == ("memory_bytes", "itself", "fog-1")
    assert first.value > 1 << 20
    sum(range(1_000_000))
    share = next(sample for sample in source.read(101.0) if sample.name == "cpu_share")
    assert (share.operator, share.node) == ("itself", "fog-1")
    assert share.value >= 0


def test_which_processes_there_are_is_asked_now_and_then():
    asked = []

    def list_them():
        asked.append(True)
        return [ITSELF]

    source = ProcessSource("processes", list_them)
    for second in range(int(REFRESH_S) + 1):
        source.read(100.0 + second)
    assert len(asked) == 2
