"""What a push brings to each node, counted from the events of its playbook."""

from __future__ import annotations

from fogbed.clients.ansible_events import PlaybookEvent
from fogbed.clients.images.collect import Collected


class Transfer:
    """What goes to which node, counted from a playbook's events."""

    def __init__(self, collected: Collected) -> None:
        self._collected = collected
        self.sent: dict[str, dict[str, int]] = {}

    def __call__(self, event: PlaybookEvent) -> None:
        """Take one event in."""
        if event.host:
            blobs = self.sent.setdefault(event.host, {})
            # containerd_blob says which
            digest = event.returned.get("blob")
            if digest is not None and event.kind == "changed":
                blobs[digest] = self._collected.size(digest)

    def bytes_to(self, node: str) -> int:
        """Return how much went to a node, or would go in a rehearsal."""
        return sum(self.sent.get(node, {}).values())
