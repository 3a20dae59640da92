"""Raspberry Pis: a kubeadm cluster that playbooks make over SSH, and make go away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from fogbed import paths, spec
from fogbed.clients.ansible import PlaybookResult, interruption_told
from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, PlatformError
from fogbed.files import write_whole
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.plan.inventory import render_inventory
from fogbed.platforms.base import LogLine, TestbedStatus
from fogbed.platforms.kubernetes.logs import read_logs
from fogbed.platforms.kubernetes.running import RunningCluster
from fogbed.platforms.kubernetes.shaping import give_back, node_emulator, with_emulation
from fogbed.platforms.kubernetes.status import with_stack
from fogbed.platforms.pi.access import ClusterAccess
from fogbed.platforms.pi.doctor.controller import examine_controller
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.journal import read_journal
from fogbed.platforms.pi.playbook import (
    NO_OPTIONS,
    PlaybookFailed,
    PlaybookOptions,
    play,
    require_nodes,
    require_possible,
    shared_defaults,
    told_result,
)
from fogbed.platforms.pi.reach import ssh
from fogbed.platforms.pi.reach.answers import Silence, silent_nodes, told
from fogbed.platforms.pi.removal import data_kept, removal_of
from fogbed.platforms.pi.removed import RemovedNode, forget, forget_returned, read_removed
from fogbed.platforms.pi.status import read_status
from fogbed.platforms.preflight import Check
from fogbed.platforms.requests import DownRequest, Preview, UpRequest
from fogbed.platforms.state import only_one
from fogbed.spec.quorum import quorum_note
from fogbed.spec.testbed import Node, Testbed


class PiPlatform(RunningCluster):
    """A testbed of machines that are reached over SSH, and the cluster that they form."""

    def __init__(self, testbed: Testbed, origin: Path | None = None) -> None:
        """``origin``: the file that the testbed was read from, as far as that is known."""
        super().__init__(testbed)
        self.origin = origin
        self.folder = PiFolder(testbed.name)
        self._access = ClusterAccess(testbed, self.folder)

    def inventory(self) -> str:
        """Return the inventory of this testbed, as Ansible reads it."""
        return render_inventory(self._located(), shared_defaults())

    def _located(self) -> Testbed:
        reach = self.testbed.ssh
        if reach is None:
            return self.testbed
        # written down absolute: another HOME or working folder later means the same files
        return self.testbed.model_copy(update={"ssh": ssh.located(reach)})

    def up(self, request: UpRequest, progress: Progress) -> None:
        """Make the cluster, or what is missing of it; run it again after whatever stopped it.

        Raises:
            UsageError: the request names a node or a part of the playbook that there is not, or
                the user's kubeconfig has no room for a context of the testbed's name.
            PlatformError: it failed somewhere; the error says where, why, and how to go on.
        """
        options = PlaybookOptions(
            limit=request.limit,
            tags=request.tags,
            check=request.rehearse,
            become_password=request.become_password,
        )
        if (note := quorum_note(self.testbed)) is not None:
            progress.note(note)
        with only_one(self.testbed.name):
            if "machines" in request.parts:
                self._make_cluster(options, progress)
            if "stack" in request.parts and not (options.check or options.tags or options.limit):
                self._deploy(request, progress)

    def _make_cluster(self, options: PlaybookOptions, progress: Progress) -> None:
        self._access.require_room()
        was_known, was = self.folder.spec.exists(), self.folder.kept()
        try:
            result = self._play("site", progress, options=options)
        except PlaybookFailed as error:
            if not error.has_touched:
                # the machines are as they were, and so is what is known of them
                self.folder.put_back(was)
                if not was_known:
                    self.folder.remove()
            raise
        if not options.check and not options.tags:
            with interruption_told(result.log):
                first = self.testbed.by_role("control-plane")[0]
                channel = self.channel(first.name)
                self._access.fetch(channel, options.become_password, progress)
        progress.note(told_result(result))
        if options.check:
            progress.note(f"nothing was changed; what would be, line by line: {result.log}")

    def down(self, request: DownRequest, progress: Progress) -> None:
        """Remove the cluster from the nodes; with a purge give them back as they were found.

        A node that does not answer keeps no other one from it, unless it is given up it is an
        error in the end.

        Raises:
            PlatformError: it failed somewhere; the same command goes on from there.
        """
        options = PlaybookOptions(limit=request.limit, become_password=request.become_password)
        names = list(options.limit) or [node.name for node in self.testbed.nodes]
        require_nodes(self.testbed, names)
        with only_one(self.testbed.name):
            silent = silent_nodes(self.testbed, names)
            heard = [name for name in names if name not in silent]
            if heard:
                if self.testbed.emulates_networks and self.folder.kubeconfig.exists():
                    give_back(self.emulator_of(heard), progress)
                some = replace(options, limit=tuple(heard)) if silent else options
                variables = {"fogbed_purge": request.purge}
                result = self._play("reset", progress, options=some, variables=variables)
                progress.note(told_result(result))
            if silent and not request.forget_silent:
                raise _left(self.testbed, heard, silent)
            if not options.limit:
                self._access.forget(progress)
                self.folder.remove(keep_credentials=not request.purge)
                progress.note(f"testbed {self.testbed.name} is down")
                for kept in data_kept(self.testbed, request, gone=silent):
                    progress.note(kept)
        if request.purge and not options.limit:
            self._purge_all_removed(request, progress, options)

    def preview(self) -> Preview:
        """Return what ``up`` would make; what it would change is a rehearsal's to say."""
        rows = [(n.name, n.role, n.tier, n.address or "", _pods(n)) for n in self.testbed.nodes]
        version = self.testbed.kubernetes.version
        return Preview(
            title=f"testbed {self.testbed.name} would come up as a Kubernetes {version} cluster",
            columns=("node", "role", "tier", "address", "pods"),
            rows=rows,
            remark="fogbed up --check asks every node what would change on it",
        )

    def removal(self, request: DownRequest) -> Sequence[str]:
        """Return what ``down`` removes from which nodes and from this computer."""
        return removal_of(self.testbed, request)

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        """Yield lines of the testbed's pods on a node, and of kubelet's and containerd's journal.

        With ``follow``, of the journal alone.

        Raises:
            UsageError: the testbed has no such node.
            PlatformError: its journal cannot be read.
        """
        journal = read_journal(self.channel(node, root=True), lines=lines, follow=follow)
        return journal if follow else chain(self._pod_logs(node, lines), journal)

    def _pod_logs(self, node: str, lines: int) -> Iterator[LogLine]:
        # a cluster that does not answer is when a journal is wanted most
        with suppress(FogbedError):
            yield from read_logs(self.kube, self.testbed, node, lines=lines, follow=False)

    def play(
        self,
        name: str,
        progress: Progress,
        *,
        options: PlaybookOptions = NO_OPTIONS,
        variables: Mapping[str, object] | None = None,
    ) -> PlaybookResult:
        """Run another playbook on this testbed, with nobody else at work on it.

        Raises:
            UsageError, PlatformError: as for ``up``.
        """
        with only_one(self.testbed.name):
            return self._play(name, progress, options=options, variables=variables)

    def purge_removed(
        self, removed: RemovedNode, progress: Progress, *, options: PlaybookOptions = NO_OPTIONS
    ) -> None:
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
                with progress.playbook() as watch:
                    result = play(
                        alone, "reset", watch, options=options, variables=variables, inventory=place
                    )
            finally:
                place.unlink(missing_ok=True)
            forget(self.testbed, removed.node.name)
        progress.note(told_result(result))
        progress.note(f"{removed.node.name} is given back as it was found")

    def _purge_all_removed(
        self, request: DownRequest, progress: Progress, options: PlaybookOptions
    ) -> None:
        """Give back every machine that was left so; a silent one is named, and left."""
        for removed in read_removed(self.testbed):
            name = removed.node.name
            silent = silent_nodes(removed.alone(self.testbed), [name])
            if not silent:
                self.purge_removed(removed, progress, options=options)
                continue
            progress.note(told(silent))
            if request.forget_silent:
                forget(self.testbed, name)
            else:
                progress.note(
                    f"{name} was left as it is; when it answers: fogbed node remove {name} --purge"
                )

    def record(self, *, rehearsal: bool = False) -> None:
        """Write down the testbed as it is now: what ``status`` and ``render --check`` go by."""
        written = None if rehearsal else spec.dump_yaml(self._located())
        self.folder.begin(inventory=self.inventory(), spec=written, origin=self.origin)
        if not rehearsal:
            forget_returned(self.testbed)

    def status(self) -> TestbedStatus:
        """Return nodes, the cluster's own services, versions, drift and problems."""
        found = read_status(self.testbed, self.folder, self.inventory())
        is_down = found.state == "down"
        return found if is_down else with_emulation(with_stack(found, self), self.emulator())

    def examine(self) -> Sequence[Check]:
        """Return the checks of this computer; those of the nodes: ``doctor.diagnosis``."""
        return examine_controller(self.testbed)

    def channel(self, node: str, *, root: bool = False) -> Channel:
        """Return how to run programs on ``node``, through sudo with ``root``.

        Raises:
            UsageError: the testbed has no such node.
        """
        require_nodes(self.testbed, [node])
        return ssh.channel(self.testbed, node, sudo=root)

    def _shaping_channel(self) -> Callable[[str], Channel]:
        """Return what leads to each node's own network: SSH, as root."""
        return lambda node: self.channel(node, root=True)

    def emulator_of(self, nodes: Sequence[str]) -> NodeEmulator:
        """Return what asks some of the nodes what shapes there, and ends it; it shapes nothing."""
        return node_emulator(self.testbed, nodes, networks=dict, channel=self._shaping_channel())

    def _play(
        self,
        name: str,
        progress: Progress,
        *,
        options: PlaybookOptions,
        variables: Mapping[str, object] | None = None,
    ) -> PlaybookResult:
        require_possible(self.testbed, name, options)
        paths.require_writable(paths.state_dir())
        self.record(rehearsal=options.check)
        with progress.playbook() as watch:
            return play(self.testbed, name, watch, options=options, variables=variables)


def _left(testbed: Testbed, heard: Sequence[str], silent: Mapping[str, Silence]) -> PlatformError:
    done = f"{', '.join(heard)} {'is' if len(heard) == 1 else 'are'} done" if heard else "none is"
    return PlatformError(
        f"{', '.join(silent)} of testbed {testbed.name} did not answer and was left; {done}",
        details=told(silent),
        hint="when it answers, the same command goes on; if it is gone for good, "
        "give --forget-unreachable",
    )


def _pods(node: Node) -> str:
    return "any" if node.taskmanager or node.role == "worker" else "the cluster's own"
