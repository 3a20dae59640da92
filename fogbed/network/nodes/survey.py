"""What nodes have and can do, asked once: where they are in the emulated network, who serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from fogbed.errors import NetworkError
from fogbed.network.agent_answers import LinksShown, NodeHello
from fogbed.network.agent_requests import BackendChoice
from fogbed.network.nodes.rows import NodePlace, moved_networks, place_of
from fogbed.network.nodes.sessions import NodeSessions

WAY_OUT = (
    "netem is a module of the kernel's (Debian and Raspberry Pi OS have it; of Ubuntu's cloud "
    "kernels it is in linux-modules-extra-$(uname -r), of Fedora's and RHEL's in "
    "kernel-modules-extra-$(uname -r)); the fabric needs /dev/net/tun: modprobe tun"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Which emulator a node has in force (``backend``, "" for none) and which could serve.

    ``able`` is "" where none can: ``lacking`` says of each why.
    """

    backend: str
    able: str
    lacking: Mapping[str, str]
    kernel: str


def served_by(lacking: Mapping[str, str], choice: BackendChoice) -> str:
    """Return which emulator serves: the kernel's own where it can; "" for none.

    ``lacking`` says of each why it cannot, "" of one that can.
    """
    able = [name for name in ("tc", "fabric") if lacking.get(name, "is not known") == ""]
    return next((name for name in able if choice in ("auto", name)), "")


def serving(facts: NodeHello, there: LinksShown, choice: BackendChoice) -> Serving:
    """Return what serves on a node of these facts, where the testbed leaves this choice."""
    return Serving(
        backend=there.backend,
        able=served_by(facts.lacking, choice),
        lacking=facts.lacking,
        kernel=facts.kernel,
    )


class Survey:
    """Asks each of some nodes what it has when that is first needed, and keeps it."""

    def __init__(
        self,
        sessions: NodeSessions,
        networks: Callable[[], Mapping[str, Sequence[str]]],
        backend: BackendChoice,
    ) -> None:
        """``networks``: the prefixes of each node's pods."""
        self._sessions = sessions
        self._networks = networks
        self._backend: BackendChoice = backend
        self._facts: Mapping[str, NodeHello] = {}
        self._places: Mapping[str, NodePlace] = {}

    def facts(self) -> Mapping[str, NodeHello]:
        """Return what every node says of itself.

        Raises:
            NetworkError: one does not answer.
        """
        if not self._facts:
            answers = self._sessions.ask(lambda _, session: session.hello())
            self._facts = answers.whole("to say what it can do")
        return self._facts

    def places(self) -> Mapping[str, NodePlace]:
        """Return where every node is in the emulated network.

        Raises:
            NetworkError: a node does not answer.
            PlatformError: the cluster's network has no place of its own for a node.
        """
        if not self._places:
            networks, facts = self._networks(), self.facts()
            self._places = {
                node: place_of(networks[node], each.addresses) for node, each in facts.items()
            }
        return self._places

    def moved(self, testbed: str) -> Sequence[str]:
        """Return a sentence for each node of ``testbed`` that is not where others shape it.

        Pods' networks go from node to node as nodes leave a cluster and join it; what is in force
        goes by the networks of when it was applied.

        Raises:
            NetworkError: a node does not answer.
            PlatformError: the cluster's network has no place of its own for a node.
        """
        answers = self._sessions.ask(lambda _, session: session.links_show())
        shown = {
            node: each.networks
            for node, each in answers.whole("to show its links").items()
            if each.testbed == testbed and each.networks
        }
        if not shown:
            return ()
        now = {node: place.networks for node, place in self.places().items()}
        return moved_networks(shown, now)

    def require_able(self, nodes: Collection[str]) -> None:
        """Return if every one of ``nodes`` has an emulator that serves; nothing is touched.

        Raises:
            NetworkError: one has none.
        """
        facts = self.facts()
        unable = {
            n: facts[n].lacking for n in nodes if not served_by(facts[n].lacking, self._backend)
        }
        if unable:
            raise NetworkError(
                f"no emulator can serve on {', '.join(unable)}",
                details="\n".join(
                    f"{node}: {name}: {why}"
                    for node, lacking in unable.items()
                    for name, why in lacking.items()
                    if why and self._backend in ("auto", name)
                ),
                hint=f"{WAY_OUT}; fogbed doctor says what each node has",
            )
