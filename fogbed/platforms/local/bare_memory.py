"""What a laptop testbed keeps of its bare network: with the keeper, whose end is the network's."""

from __future__ import annotations

from fogbed.network.bare import Bare
from fogbed.platforms.local.steering import Steering


class KeptBare:
    """The keeper's memory."""

    one_medium = True
    """Every pair passes this computer's kernel, or one process: one bare rate speaks for all."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering

    def remember(self, bare: Bare) -> None:
        """Keep ``bare`` in the place of what was kept.

        Raises:
            PlatformError: the keeper does not answer.
        """
        self._steering.remember(bare.as_json())

    def recall(self) -> Bare | None:
        """Return what was kept; None where nothing was since the testbed came up.

        Raises:
            PlatformError: the keeper does not answer.
        """
        kept = self._steering.recall()
        return None if kept is None else Bare.from_json(kept)
