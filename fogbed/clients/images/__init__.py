"""Container images from this computer as an OCI layout folder, for the nodes to take in."""

from fogbed.clients.images.collect import Collected, collect_images
from fogbed.clients.images.transfer import Transfer

__all__ = ["Collected", "Transfer", "collect_images"]
