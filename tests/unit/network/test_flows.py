"""Load on links: on all of them at once, and never silently missing."""

from __future__ import annotations

import threading

import pytest

from fogbed.errors import NetworkError
from fogbed.network.agent_client import Received, Sent
from fogbed.network.flows import load_links
from fogbed.plan.network import UNTOUCHED, Link


class Agent:
    """Sends when every other one does too."""

    def __init__(self, everyone: threading.Barrier) -> None:
        self._everyone = everyone

    def listen(self, *_: object, **__: object) -> int:
        return 1

    def send(self, *_: object, **__: object) -> Sent:
        self._everyone.wait(120)
        return Sent(packets=1, octets=1, refused=0, seconds=1.0, stall_s=0.0)

    def collect(self, *_: object, **__: object) -> Received:
        return Received(packets=1, octets=1, bin_s=0.01, bins=[])


class Deaf(Agent):
    def send(self, *_: object, **__: object) -> Sent:
        raise NetworkError("the agent on node a ended")


def links(nodes):
    return [Link(a, b, UNTOUCHED) for a in nodes for b in nodes if a != b]


def addresses(nodes):
    return dict.fromkeys(nodes, "10.0.0.1")


def test_every_link_is_loaded_at_the_same_time_however_many_there_are():
    nodes = [f"n{i}" for i in range(10)]
    everyone = threading.Barrier(len(links(nodes)))
    sessions = {node: Agent(everyone) for node in nodes}
    with load_links(links(nodes), sessions, addresses(nodes), seconds=1.0):
        pass
    assert not everyone.broken


def test_a_flow_that_fails_fails_the_measurement():
    sessions = {node: Deaf(threading.Barrier(1)) for node in "ab"}
    with (
        pytest.raises(NetworkError, match="the agent on node a ended"),
        load_links(links("ab"), sessions, addresses("ab"), seconds=1.0),
    ):
        pass
