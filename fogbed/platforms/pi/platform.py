"""Raspberry Pis: a kubeadm cluster that playbooks make over SSH, and make go away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fogbed import paths, spec
from fogbed.clients import kubeconfig
from fogbed.clients.ansible import PlaybookResult, interruption_told
from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError
from fogbed.files import write_whole
from fogbed.plan.inventory import render_inventory
from fogbed.platforms.base import TestbedStatus
from fogbed.platforms.pi import ssh
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.playbook import (
    NO_WISH,
    PlaybookFailed,
    PlaybookWish,
    Watch,
    play,
    require_nodes,
    require_possible,
    shared_defaults,
)
from fogbed.platforms.pi.reach import Silence, silent_nodes, told
from fogbed.platforms.pi.removed import RemovedNode, forget, forget_returned
from fogbed.platforms.pi.status import read_status
from fogbed.platforms.testbeds import only_one
from fogbed.spec.testbed import Testbed

_ADMIN = "/etc/kubernetes/admin.conf"
_API_PORT = 6443  # kubeadm's own
# A rehearsal or a part of the playbook may leave the cluster without an administrator.
_KUBECONFIG_S = 30.0


class PiPlatform:
    """A testbed of machines that are reached over SSH."""

    def __init__(self, testbed: Testbed, origin: Path | None = None) -> None:
        """``origin``: the file that the testbed was read from, as far as that is known."""
        self.testbed = testbed
        self.origin = origin
        self.folder = PiFolder(testbed.name)

    def inventory(self) -> str:
        """Return the inventory of this testbed, as Ansible reads it."""
        return render_inventory(self._located(), shared_defaults())

    def _located(self) -> Testbed:
        reach = self.testbed.ssh
        if reach is None:
            return self.testbed
        # written down absolute: another HOME or working folder later means the same files
        return self.testbed.model_copy(update={"ssh": ssh.located(reach)})

    def up(
        self, progress: Progress, watch: Watch, *, wish: PlaybookWish = NO_WISH
    ) -> PlaybookResult:
        """Make the cluster, or what is missing of it; run it again after whatever stopped it.

        Raises:
            UsageError: the wish names a node or a part of the playbook that there is not, or the
                user's kubeconfig has no room for a context of the testbed's name.
            PlatformError: it failed somewhere; the error says where, why, and how to go on.
        """
        with only_one(self.testbed.name):
            kubeconfig.require_room(paths.kubeconfig(), self.testbed.name, self._servers())
            was_known = self.folder.spec.exists()
            try:
                result = self._play("site", watch, wish=wish)
            except PlaybookFailed as error:
                if not was_known and not error.has_touched:
                    # nothing was made: there is nothing for down to remove
                    self.folder.remove()
                raise
            if not wish.check and not wish.tags:
                with interruption_told(result.log):
                    self._fetch_kubeconfig(progress, wish)
            return result

    def down(
        self,
        progress: Progress,
        watch: Watch,
        *,
        purge: bool,
        forget_silent: bool = False,
        wish: PlaybookWish = NO_WISH,
    ) -> PlaybookResult | None:
        """Remove the cluster from the nodes; with ``purge`` give them back as they were found.

        A node that does not answer keeps no other one from it; with ``forget_silent`` it is given
        up, with all that is on it. Return None where no node answers.

        Raises:
            PlatformError: it failed somewhere; the same command goes on from there.
        """
        names = list(wish.limit) or [node.name for node in self.testbed.nodes]
        require_nodes(self.testbed, names)
        with only_one(self.testbed.name):
            silent = silent_nodes(self.testbed, names)
            heard = [name for name in names if name not in silent]
            variables = {"fogbed_purge": purge}
            some = replace(wish, limit=tuple(heard)) if silent else wish
            result = self._play("reset", watch, wish=some, variables=variables) if heard else None
            if silent and not forget_silent:
                raise _left(self.testbed, heard, silent)
            if not wish.limit and not wish.check:
                self._forget_context(progress)
                self.folder.remove()
                progress.note(f"testbed {self.testbed.name} is down")
            return result

    def play(
        self,
        name: str,
        watch: Watch,
        *,
        wish: PlaybookWish = NO_WISH,
        variables: Mapping[str, object] | None = None,
    ) -> PlaybookResult:
        """Run another playbook on this testbed, with nobody else at work on it.

        Raises:
            UsageError, PlatformError: as for ``up``.
        """
        with only_one(self.testbed.name):
            return self._play(name, watch, wish=wish, variables=variables)

    def purge_removed(
        self, removed: RemovedNode, watch: Watch, *, wish: PlaybookWish = NO_WISH
    ) -> PlaybookResult:
        """Give the machine of a node back that was removed earlier; the cluster is not asked.

        Raises:
            PlatformError: it failed; the node is not forgotten, and the same command goes on.
        """
        alone = removed.alone(self.testbed)
        place = self.folder.removed_hosts
        with only_one(self.testbed.name):
            paths.require_writable(paths.state_dir())
            self.folder.make()
            write_whole(place, render_inventory(alone, shared_defaults()))
            try:
                variables = {"fogbed_purge": True}
                result = play(
                    alone, "reset", watch, wish=wish, variables=variables, inventory=place
                )
            finally:
                place.unlink(missing_ok=True)
            forget(self.testbed, removed.node.name)
            return result

    def record(self, *, rehearsal: bool = False) -> None:
        """Write down the testbed as it is now: what ``status`` and ``render --check`` go by."""
        written = None if rehearsal else spec.dump_yaml(self._located())
        self.folder.begin(inventory=self.inventory(), spec=written, origin=self.origin)
        if not rehearsal:
            forget_returned(self.testbed)

    def status(self) -> TestbedStatus:
        """Return nodes, the cluster's own services, versions, drift and problems."""
        return read_status(self.testbed, self.folder, self.inventory())

    def channel(self, node: str, *, sudo: bool = False) -> Channel:
        """Return how to run programs on ``node``.

        Raises:
            UsageError: the testbed has no such node.
        """
        require_nodes(self.testbed, [node])
        return ssh.channel(self.testbed, node, sudo=sudo)

    def addresses(self) -> dict[str, str]:
        """Return the address of every node by name."""
        return {node.name: node.address or "" for node in self.testbed.nodes}

    def _play(
        self,
        name: str,
        watch: Watch,
        *,
        wish: PlaybookWish,
        variables: Mapping[str, object] | None = None,
    ) -> PlaybookResult:
        require_possible(self.testbed, name, wish)
        paths.require_writable(paths.state_dir())
        self.record(rehearsal=wish.check)
        return play(self.testbed, name, watch, wish=wish, variables=variables)

    def _fetch_kubeconfig(self, progress: Progress, wish: PlaybookWish) -> None:
        first = self.testbed.by_role("control-plane")[0]
        text = self._read_admin(first.name, wish.become_password)
        self.folder.write_kubeconfig(text)
        place = paths.kubeconfig()
        try:
            is_new = kubeconfig.add_context(place, self.testbed.name, text)
        except PlatformError as error:
            own = f"the cluster is there: kubectl --kubeconfig {self.folder.kubeconfig}"
            error.hint = f"{error.hint}; {own}" if error.hint else own
            raise
        if is_new:
            progress.note(f"kubectl --context {self.testbed.name} (in {place})")
            if kubeconfig.is_open_to_others(place):
                progress.note(f"others may read {place}, and with it the cluster's key: chmod 600")

    def _forget_context(self, progress: Progress) -> None:
        place = paths.kubeconfig()
        try:
            kubeconfig.remove_context(place, self.testbed.name, self._servers())
        except PlatformError as error:
            # the cluster is gone; a file that somebody else has spoilt does not bring it back
            progress.note(f"{error.message}: it may still have the context {self.testbed.name}")

    def _servers(self) -> set[str]:
        """Return the URLs at which this testbed's cluster may be known."""
        control_planes = self.testbed.by_role("control-plane")
        hosts = [f"{node.address}:{_API_PORT}" for node in control_planes]
        hosts += filter(None, [self.testbed.kubernetes.endpoint])
        with suppress(OSError, PlatformError):
            own = self.folder.kubeconfig.read_text(encoding="utf-8")
            return {kubeconfig.server_of(own), *(f"https://{host}" for host in hosts)}
        return {f"https://{host}" for host in hosts}

    def _read_admin(self, node: str, become_password: str | None) -> str:
        prefix: Sequence[str] = ("sudo", "-n")
        typed = None
        if become_password is not None:
            # from stdin: a password in argv would stand in every process listing
            prefix, typed = ("sudo", "-S", "-p", ""), f"{become_password}\n"
        outcome = self.channel(node).run(
            [*prefix, "cat", _ADMIN], timeout_s=_KUBECONFIG_S, stdin=typed
        )
        if outcome.returncode != 0:
            said, hint = ssh.explain(outcome.stderr, node)
            raise PlatformError(f"{_ADMIN} of {node} cannot be read: {said}", hint=hint)
        return outcome.stdout


def _left(testbed: Testbed, heard: Sequence[str], silent: Mapping[str, Silence]) -> PlatformError:
    done = f"{', '.join(heard)} {'is' if len(heard) == 1 else 'are'} done" if heard else "none is"
    return PlatformError(
        f"{', '.join(silent)} of testbed {testbed.name} did not answer and was left; {done}",
        details=told(silent),
        hint="when it answers, the same command goes on; if it is gone for good, "
        "give --forget-unreachable",
    )


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
