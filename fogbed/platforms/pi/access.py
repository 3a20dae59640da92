"""The key to a testbed's cluster: fetched after ``up``, kept, and shown to kubectl by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fogbed import paths
from fogbed.clients import kubeconfig
from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.reach.refusals import explain
from fogbed.spec.testbed import Testbed

_ADMIN = "/etc/kubernetes/admin.conf"
_API_PORT = 6443  # kubeadm's own
_KUBECONFIG_S = 30.0


class ClusterAccess:
    """fogbed's own kubeconfig of a testbed, and the user's context of the testbed's name."""

    def __init__(self, testbed: Testbed, folder: PiFolder) -> None:
        self._testbed = testbed
        self._folder = folder

    def require_room(self) -> None:
        """Return if the user's kubeconfig has room for the context; UsageError if it has not."""
        kubeconfig.require_room(paths.kubeconfig(), self._testbed.name, self._servers())

    def fetch(self, channel: Channel, become_password: str | None, progress: Progress) -> None:
        """Take the administrator's kubeconfig from a node, keep it, and tell kubectl of it.

        Raises:
            PlatformError: it cannot be read, or the user's kubeconfig cannot be written.
        """
        text = _read_admin(channel, become_password)
        self._folder.write_kubeconfig(text)
        place = paths.kubeconfig()
        try:
            is_new = kubeconfig.add_context(place, self._testbed.name, text)
        except PlatformError as error:
            own = f"the cluster is there: kubectl --kubeconfig {self._folder.kubeconfig}"
            error.hint = f"{error.hint}; {own}" if error.hint else own
            raise
        if is_new:
            progress.note(f"kubectl --context {self._testbed.name} (in {place})")
            if kubeconfig.is_open_to_others(place):
                progress.note(f"others may read {place}, and with it the cluster's key: chmod 600")

    def forget(self, progress: Progress) -> None:
        """Take the context out of the user's kubeconfig again."""
        place = paths.kubeconfig()
        try:
            kubeconfig.remove_context(place, self._testbed.name, self._servers())
        except PlatformError as error:
            # the cluster is gone; a file that somebody else has spoilt does not bring it back
            progress.note(f"{error.message}: it may still have the context {self._testbed.name}")

    def _servers(self) -> set[str]:
        """Return the URLs at which this testbed's cluster may be known."""
        control_planes = self._testbed.by_role("control-plane")
        hosts = [f"{node.address}:{_API_PORT}" for node in control_planes]
        hosts += filter(None, [self._testbed.kubernetes.endpoint])
        with suppress(OSError, PlatformError):
            own = self._folder.kubeconfig.read_text(encoding="utf-8")
            return {kubeconfig.server_of(own), *(f"https://{host}" for host in hosts)}
        return {f"https://{host}" for host in hosts}


def _read_admin(channel: Channel, become_password: str | None) -> str:
    prefix: Sequence[str] = ("sudo", "-n")
    typed = None
    if become_password is not None:
        # from stdin: a password in argv would stand in every process listing
        prefix, typed = ("sudo", "-S", "-p", ""), f"{become_password}\n"
    outcome = channel.run([*prefix, "cat", _ADMIN], timeout_s=_KUBECONFIG_S, stdin=typed)
    if outcome.returncode != 0:
        said, hint = explain(outcome.stderr, channel.node)
        raise PlatformError(f"{_ADMIN} of {channel.node} cannot be read: {said}", hint=hint)
    return outcome.stdout


def kubeconfig_of(testbed: Testbed) -> Path:
    """Return fogbed's own kubeconfig of a testbed.

    Raises:
        PlatformError: the testbed has not come up yet.
    """
    found = PiFolder(testbed.name).kubeconfig
    if not found.exists():
        raise PlatformError(
            f"testbed {testbed.name} has no cluster yet", hint=f"fogbed up -t {testbed.name}"
        )
    return found
