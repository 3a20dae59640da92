"""What ends on a node that leaves a cluster which goes on without it."""

from __future__ import annotations

from contextlib import suppress

from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.platforms.kubernetes.shaping import give_back
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.reach.answers import silent_nodes
from fogbed.platforms.state import only_one


def end_shaping_on(platform: PiPlatform, node: str, progress: Progress) -> None:
    """Have ``node`` shape nothing any more, before it goes; a silent one is left as it is.

    The others keep what they have in force; that is told, and so is what stands in the way, which
    stops nothing.

    Raises:
        PlatformError: another command is changing the testbed.
    """
    testbed = platform.testbed
    if not (testbed.emulates_networks and platform.folder.kubeconfig.exists()):
        return
    with only_one(testbed.name):
        if silent_nodes(testbed, [node]):
            return
        emulator = platform.emulator_of([node])
        shaped = _shapes(emulator)
        give_back(emulator, progress)
    if shaped:
        progress.note(
            f"{node} shapes nothing any more; the other nodes keep what they have in force, until "
            "fogbed network apply or clear"
        )


def _shapes(emulator: NodeEmulator) -> bool:
    # what cannot be asked cannot be given back either, and is told then
    with suppress(FogbedError):
        return any(emulator.backends().values())
    return False
