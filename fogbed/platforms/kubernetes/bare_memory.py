"""What a testbed on Kubernetes keeps of its bare network: a file, until it is measured again."""

from __future__ import annotations

import json
from contextlib import suppress

from fogbed.files import write_whole
from fogbed.network.bare import Bare
from fogbed.platforms.kubernetes.folder import KubeFolder


class FiledBare:
    """The testbed's folder."""

    one_medium = False
    """Every pair has a path of its own, through the nodes' interfaces."""

    def __init__(self, folder: KubeFolder) -> None:
        self._folder = folder

    def remember(self, bare: Bare) -> None:
        """Keep ``bare`` in the place of what was kept."""
        write_whole(self._folder.bare, json.dumps(bare.as_json()))

    def recall(self) -> Bare | None:
        """Return what was kept; None where nothing was since the testbed came up."""
        with suppress(FileNotFoundError):
            return Bare.from_json(json.loads(self._folder.bare.read_text(encoding="utf-8")))
        return None
