"""``do: exec`` through the real agent, on this computer instead of a node."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from fogbed.clients.channel import Channel
from fogbed.errors import CommandError
from fogbed.experiment.actions.exec import EXEC, ExecAction
from fogbed.experiment.dependencies import open_agent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbed.experiment.actions.kind import ActionContext


def perform(program: str, timeout: str = "30s") -> Mapping[str, Any]:
    platform = SimpleNamespace(channel=lambda node: Channel(node, (), sys.executable))
    run = SimpleNamespace(platform=platform, dependencies=SimpleNamespace(agent=open_agent))
    argv = [sys.executable, "-c", program]
    action = ExecAction.model_validate(
        {"at": "0s", "do": "exec", "node": "fog-1", "argv": argv, "timeout": timeout}
    )
    return EXEC.perform(action, cast("ActionContext", SimpleNamespace(run=run)))


def test_what_a_program_says_is_kept_from_its_end() -> None:
    said = perform("import sys; print('x' * 5000 + 'end'); print('note', file=sys.stderr)")
    assert (said["node"], said["returncode"], said["stderr"]) == ("fog-1", 0, "note\n")
    assert (len(said["stdout"]), said["stdout"][-4:]) == (4000, "end\n")


def test_a_program_that_fails_is_a_failure_with_what_it_said() -> None:
    with pytest.raises(CommandError, match="on fog-1 returned 3") as failed:
        perform("import sys; print('out'); sys.stderr.write('no room'); sys.exit(3)")
    assert failed.value.details == "no room"


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandError, match="on fog-1 took too long"):
        perform("import time; time.sleep(60)", timeout="200ms")
