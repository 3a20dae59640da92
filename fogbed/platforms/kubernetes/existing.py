"""A cluster that somebody else made: reached by a context of the user's, and left as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fogbed import paths
from fogbed.clients.kube import KubeClient, KubeNode
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kubeconfig_context import place_of, take_context
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.platforms.kubernetes.nodes import CONTROL_PLANE_TAINT
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Node, Testbed

_HOSTNAME = "kubernetes.io/hostname"
# A pod that must not be there is kept away by these; PreferNoSchedule is a wish.
_BARRING = (":NoSchedule", ":NoExecute")
# The control plane sets these itself while a node is not Ready or is cordoned, and it is told so.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/uninitialized")


class ExistingCluster:
    """A ``platforms.kubernetes.cluster.Cluster``; ``folder``: the testbed's state folder.

    Its nodes are there, and nothing is installed on them, labelled or taken away.
    """

    outlives_testbeds = True

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        self._testbed = testbed
        self._folder = folder
        self._kubeconfig = folder / "kubeconfig"
        self._found: Mapping[str, str] | None = None

    def examine(self) -> Sequence[Check]:
        """Return whether the user's kubeconfig has the context."""
        try:
            take_context(paths.kubeconfigs(), self._testbed.context)
        except FogbedError as error:
            return [Check("context", ok=False, found=error.message, fix=error.hint or "")]
        return [Check("context", ok=True, found=self._testbed.context or "the current one")]

    @contextmanager
    def looked_at(self) -> Iterator[KubeAccess]:
        """Enter a way in of the user's own that is gone afterwards.

        Raises:
            UsageError: there is no such context.
        """
        text = take_context(paths.kubeconfigs(), self._testbed.context)
        with TemporaryDirectory(dir=paths.runtime_dir()) as folder:
            place = Path(folder) / "kubeconfig"
            write_whole(place, text, mode=0o600)
            yield KubeAccess(kubeconfig=place)

    def require_fit(self) -> None:
        """Return if the context leads to the testbed's cluster, and every node may be used.

        Raises:
            UsageError: there is no such context, or it is another cluster's than last time.
            ServiceError: the API server refuses, or does not answer.
            PlatformError: nodes are not there, not Ready or kept for others; all of them at once.
        """
        self._require_same(take_context(paths.kubeconfigs(), self._testbed.context))
        with self.looked_at() as access:
            self._found = self._looked_up(access, for_use=True)

    def ensure(self, progress: Progress) -> None:
        """See that it fits, and take the way in out of the user's kubeconfig.

        Raises:
            UsageError, ServiceError, PlatformError: as for ``require_fit``.
        """
        with progress.step("nodes of the cluster", total=len(self._testbed.nodes)) as step:
            self.require_fit()
            step.advance(len(self._testbed.nodes))
        text = take_context(paths.kubeconfigs(), self._testbed.context)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._kubeconfig, text, mode=0o600)

    def _require_same(self, text: str) -> None:
        """Return unless the testbed is up in another cluster: nothing would lead back to that."""
        if not self._kubeconfig.exists():
            return
        was, now = place_of(self._kubeconfig.read_text(encoding="utf-8")), place_of(text)
        # one that was made anew, or is reached at another address, is called as before
        if not all(was) or was[0] == now[0] or was[1] == now[1]:
            return
        raise UsageError(
            f"testbed {self._testbed.name} is up in the cluster of context {was[0]} ({was[1]}), "
            f"and context {now[0]} is of another one ({now[1]})",
            hint=f"write context: {was[0]} in the testbed's file to go on there, or take it down "
            "first: fogbed down",
        )

    def exists(self) -> bool:
        """Whether the testbed was brought up into the cluster and not taken down."""
        return self._kubeconfig.exists()

    def access(self) -> KubeAccess:
        """Return fogbed's own kubeconfig, with the one context; PlatformError if there is none."""
        if not self._kubeconfig.exists():
            raise PlatformError(
                f"testbed {self._testbed.name} was not brought up",
                hint=f"fogbed up -t {self._testbed.name}",
            )
        return KubeAccess(kubeconfig=self._kubeconfig)

    def hosts_by(self, access: KubeAccess) -> Mapping[str, str]:
        """Return the same as ``hosts``, asked through another way in; raises as that."""
        return self._looked_up(access, for_use=False)

    def hosts(self) -> Mapping[str, str]:
        """Return the Kubernetes node of each node, by its name, host name or address.

        Raises:
            PlatformError: not all are in the cluster; all that are missing at once.
            ServiceError: the API server refuses, or does not answer.
        """
        if self._found is None:
            self._found = self._looked_up(self.access(), for_use=False)
        return self._found

    def remove(self, progress: Progress) -> None:  # noqa: ARG002 - the protocol's names
        """Forget the way in; the cluster is somebody else's and stays."""
        self._kubeconfig.unlink(missing_ok=True)

    def load_images(self, images: Sequence[str], progress: Progress) -> None:
        """Do nothing: the nodes fetch their images themselves."""

    def brings(self, images: Sequence[str]) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Return none of them."""
        return ()

    def _looked_up(self, access: KubeAccess, *, for_use: bool) -> Mapping[str, str]:
        with KubeClient(access.kubeconfig, access.context) as kube:
            nodes = kube.nodes()
        found = find_hosts(self._testbed, nodes)
        problems = list(_missing(self._testbed, found, nodes))
        if for_use:
            problems += _unusable(self._testbed, found)
        if problems:
            many = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise PlatformError(
                f"testbed {self._testbed.name} and the nodes of its cluster: {many}",
                hint="change the testbed's nodes, or the cluster's, then give the command again",
                details="\n".join(problems),
            )
        return {name: node.name for name, node in found.items()}


def find_hosts(testbed: Testbed, nodes: Sequence[KubeNode]) -> dict[str, KubeNode]:
    """Return which node of the cluster each of the testbed's is, of those that are there.

    In this order: the node's name, its host name, the first part of its name, its address.
    """
    found = {}
    for node in testbed.nodes:
        fitting = next(filter(None, (_fitting(node, nodes, way) for way in range(4))), None)
        if fitting is not None:
            found[node.name] = fitting
    return found


def _fitting(node: Node, nodes: Sequence[KubeNode], way: int) -> KubeNode | None:
    """Return the only node that fits in one of the ways; None if none does, or several."""
    fits = [
        each
        for each in nodes
        if (
            each.name == node.name,
            each.labels.get(_HOSTNAME) == node.name,
            each.name.partition(".")[0] == node.name,
            node.address is not None and each.address == node.address,
        )[way]
    ]
    return fits[0] if len(fits) == 1 else None


def _missing(
    testbed: Testbed, found: Mapping[str, KubeNode], nodes: Sequence[KubeNode]
) -> Iterator[str]:
    gone = [node.name for node in testbed.nodes if node.name not in found]
    taken = {node.name for node in found.values()}
    free = ", ".join(each.name for each in nodes if each.name not in taken) or "no others"
    for name in gone:
        yield f"{name}: the cluster has no such node; not in the testbed are {free}"
    first: dict[str, str] = {}
    for name, node in found.items():
        if node.name in first:
            yield f"{name}: is the node {node.name}, which {first[node.name]} is already"
        first.setdefault(node.name, name)


def _unusable(testbed: Testbed, found: Mapping[str, KubeNode]) -> Iterator[str]:
    for node in testbed.nodes:
        there = found.get(node.name)
        if there is None:
            continue
        if not there.is_ready:
            yield f"{node.name}: is not Ready: {there.problem or 'its kubelet has not said why'}"
        if not there.is_schedulable:
            yield f"{node.name}: takes no pods; kubectl uncordon {there.name}"
        for taint in _barring(node, there):
            key = taint.partition("=")[0]
            yield (
                f"{node.name}: is kept for others by the taint {taint.replace('=:', ':')}; leave "
                f"it out, or: kubectl taint nodes {there.name} {key}-"
            )


def _barring(node: Node, there: KubeNode) -> list[str]:
    return [
        taint
        for taint in there.taints
        if taint.endswith(_BARRING)
        and not taint.startswith(_PASSING)
        and not (taint.startswith(f"{CONTROL_PLANE_TAINT}=") and node.role == "control-plane")
    ]
