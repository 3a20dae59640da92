"""Clocks asked through channels: this computer's own, seen through real programs."""

from __future__ import annotations

import subprocess
import sys

from fogbed.clients.channel import Channel
from fogbed.platforms.kubernetes.clocks import farthest_off_ms


def here(name: str, *before: str) -> Channel:
    return Channel(name, before, python=sys.executable)


def test_a_clock_of_this_computer_is_off_by_less_than_a_round_trip():
    found = farthest_off_ms({"a": here("a"), "b": here("b")})
    assert found is not None
    assert abs(found) < 1000


def test_a_clock_that_is_ahead_is_told_as_ahead():
    answers = "import sys, time\nfor _ in sys.stdin: print(time.time() + 3600, flush=True)"
    ahead = here("b", sys.executable, "-u", "-c", answers)
    found = farthest_off_ms({"a": here("a"), "b": ahead})
    assert found is not None
    assert abs(found - 3_600_000) < 1000


class Ended:
    """A channel whose program has come to its end before it is asked."""

    python = "python3"

    def open(self, _argv):
        program = subprocess.Popen(["true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        program.wait()
        return program


def test_a_node_whose_program_has_ended_is_left_out():
    assert farthest_off_ms({"a": Ended()}) is None


def test_a_node_that_does_not_say_is_left_out():
    assert farthest_off_ms({"a": here("a", "false")}) is None
    assert farthest_off_ms({"a": Channel("a", ("/nowhere/ssh",))}) is None
