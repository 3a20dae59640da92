"""What the controller asks of one node's agent about its links; ``Agent`` has it."""

from __future__ import annotations

from typing import Protocol

from fogbed.network.agent.backend import Row
from fogbed.network.agent_answers import LinksCarried, LinksShown, NodeHello
from fogbed.network.agent_requests import BackendChoice


class NodeSession(Protocol):
    """An open session with the agent of one node, as its administrator, in its own network.

    Every request raises NetworkError, with the node's own words, where the node refuses or does
    not answer.
    """

    @property
    def is_open(self) -> bool:
        """Whether the agent still listens; False once the way to it broke off."""

    def hello(self) -> NodeHello:
        """Return what the node has and can do, found out by trying."""

    def links_apply(
        self, row: Row, *, controller: str, backend: BackendChoice, lease_s: float | None
    ) -> LinksShown:
        """Carry a row out: install it, or change in place what differs."""

    def links_show(self) -> LinksShown:
        """Return what is in force, read back from what carries the packets."""

    def links_counters(self) -> LinksCarried:
        """Return what the links have carried."""

    def links_renew(self, *, controller: str) -> None:
        """Have the lease begin anew."""

    def links_clear(self, *, controller: str, testbed: str | None, force: bool) -> None:
        """Take away everything that shapes there, unless it is somebody else's or by ``force``."""
