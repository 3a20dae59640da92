"""What a node prints beside the agent's answers does not end the session."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from fogbed.network.agent_client import Agent


@pytest.mark.parametrize("line", [b"42\n", b"[]\n", b'{"a": 1}\n', b'{"id": 9}\n', b'{"id": []}\n'])
def test_json_that_is_no_answer_is_passed_over(line: bytes) -> None:
    agent: Any = Agent(SimpleNamespace(node="fog-1"))  # type: ignore[arg-type]
    answer: Future[dict[str, Any]] = Future()
    agent._waiting[1] = answer
    agent._stdout = agent._stderr = b""
    agent._complaints = threading.Thread(target=lambda: None)
    agent._complaints.start()
    agent._process = SimpleNamespace(stdout=[line, b'{"id": 1, "ok": true}\n'])
    agent._read()
    assert answer.result(0) == {"id": 1, "ok": True}
    assert agent._said() == line.decode().strip()
