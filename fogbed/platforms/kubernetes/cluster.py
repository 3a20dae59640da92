"""A testbed's cluster, whoever made it: there, reached, given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Progress
from fogbed.platforms.preflight import Check


class Cluster(Protocol):
    """Where a testbed's stack runs.

    ``outlives_testbeds``: it is there before and after, so that data can be kept on it.
    """

    outlives_testbeds: bool

    def examine(self) -> Sequence[Check]:
        """Return what is needed of this computer to have or reach the cluster."""

    def looked_at(self) -> AbstractContextManager[KubeAccess | None]:
        """Enter a way in before ``ensure``, to look only; None where no cluster is there yet."""

    def require_fit(self) -> None:
        """Return if looking alone shows nothing that ``ensure`` would refuse; nothing is touched.

        Raises:
            UsageError, PlatformError, ServiceError: as for ``ensure``.
        """

    def ensure(self, progress: Progress) -> None:
        """Have the cluster there, its nodes Ready; go on where an earlier call was cut off.

        Raises:
            UsageError: what it needs is not on this computer, or the testbed does not fit it.
            PlatformError: it cannot be had.
        """

    def exists(self) -> bool:
        """Whether anything of the testbed's own cluster is there, whole or not."""

    def access(self) -> KubeAccess:
        """Return fogbed's own way in: a kubeconfig (0600) in the testbed's state folder.

        Raises:
            PlatformError: ``ensure`` has not been done yet.
        """

    def hosts(self) -> Mapping[str, str]:
        """Return the Kubernetes node of each of the testbed's nodes, in the order of its file.

        Raises:
            PlatformError: not all of them are there, with every problem at once.
        """

    def hosts_by(self, access: KubeAccess) -> Mapping[str, str]:
        """Return the same as ``hosts``, asked through a way in of ``looked_at``."""

    def remove(self, progress: Progress) -> None:
        """Give back what ``ensure`` made, whole or not; nothing of anybody else's.

        Raises:
            PlatformError: something is there that may be the testbed's, and nothing here says so.
        """

    def load_images(self, images: Sequence[str], progress: Progress) -> None:
        """Bring to the nodes those images that this computer's engine has.

        Nodes pull all others themselves.
        """

    def brings(self, images: Sequence[str]) -> Sequence[str]:
        """Return those images that ``load_images`` would bring."""
