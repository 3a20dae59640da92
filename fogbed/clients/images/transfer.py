"""What a push brings to each node, counted from the events of its playbook."""

from __future__ import annotations

import re

from fogbed.clients.ansible_events import PlaybookEvent
from fogbed.clients.images.collect import Collected

# The task of roles/images/tasks/blob.yml that brings a blob to the node.
_SENT = re.compile(r"Send (sha256:[0-9a-f]{64})")


class Transfer:
    """What goes to which node, counted from a playbook's events."""

    def __init__(self, collected: Collected) -> None:
        self._collected = collected
        self.sent: dict[str, dict[str, int]] = {}

    def __call__(self, event: PlaybookEvent) -> None:
        """Take one event in."""
        if event.host:
            blobs = self.sent.setdefault(event.host, {})
            found = _SENT.search(event.task)
            if found and event.kind == "changed":
                blobs[found[1]] = self._collected.size(found[1])

    def bytes_to(self, node: str) -> int:
        """Return how much went to a node, or would go in a rehearsal."""
        return sum(self.sent.get(node, {}).values())
