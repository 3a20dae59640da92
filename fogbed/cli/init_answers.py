"""What ``fogbed init`` writes down: from flags, a scan, and questions where somebody answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import typer

from fogbed.cli import console
from fogbed.cli.pi import confirm
from fogbed.clients.scan import Host, parse_network, scan
from fogbed.errors import UsageError
from fogbed.plan.new_testbed import NewNode, NewTestbed
from fogbed.spec.abilities import PlatformName

_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_LAPTOP = (("cloud-1", "cloud"), ("fog-1", "fog"), ("edge-1", "edge"), ("edge-2", "edge"))
_TIERS = ("cloud", "fog", "edge")


_WHAT = (
    "the platform (local: this computer; kind: Kubernetes in containers on it; pi: machines with "
    "SSH; kubernetes: a cluster that is there)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What the flags say; None or nothing: not given."""

    name: str | None
    platform: PlatformName | None
    user: str | None
    key: str | None
    context: str | None
    nodes: tuple[str, ...]
    control_plane: str | None
    scan: str | None
    yes: bool


def collect(options: InitOptions) -> NewTestbed:
    """Return what the file is to say.

    Raises:
        UsageError: something is missing and nobody is there to ask, or does not go together.
    """
    platform = options.platform or _guess_platform(options)
    own, answers = _ANSWERS[platform]
    _require_flags(platform, own, options)
    return answers(options)


def _guess_platform(options: InitOptions) -> PlatformName:
    if options.scan or options.user or options.key:
        return "pi"
    if options.context:
        return "kubernetes"
    if options.nodes:
        return "pi" if any("=" in text for text in options.nodes) else "local"
    answer = _ask(_WHAT, "pi", flag="--platform")
    for known in _ANSWERS:
        if answer == known:
            return known
    raise UsageError(f"there is no platform {answer}", hint=" or ".join(_ANSWERS))


def _require_flags(platform: PlatformName, own: Collection[str], options: InitOptions) -> None:
    given = {
        "--scan": options.scan,
        "--user": options.user,
        "--key": options.key,
        "--context": options.context,
    }
    wrong = [flag for flag, value in given.items() if value is not None and flag not in own]
    if wrong:
        raise UsageError(f"platform {platform} has no {', '.join(wrong)}")


def _here(platform: PlatformName, name: str, options: InitOptions) -> NewTestbed:
    """Return a testbed whose nodes are made on this computer; ``name``: what it is called else."""
    nodes = [_node_here(platform, text) for text in options.nodes]
    nodes = nodes or [NewNode(name=each, tier=tier) for each, tier in _LAPTOP]
    return NewTestbed(
        name=options.name or _ask("the testbed's name", name),
        platform=platform,
        nodes=_with_control_plane(nodes, options.control_plane),
    )


def _kubernetes(options: InitOptions) -> NewTestbed:
    nodes = [_node_of_cluster(text) for text in options.nodes]
    if not nodes:
        what = "names of the cluster's nodes, as kubectl get nodes says them,"
        names = _ask(what, "", flag="--node").replace(",", " ").split()
        nodes = [NewNode(name=name, tier="") for name in names]
    if not nodes:
        raise UsageError("a testbed needs a node", hint="give --node")
    return NewTestbed(
        name=options.name or _ask("the testbed's name", "shared"),
        platform="kubernetes",
        # whose cluster this is has given out the roles already
        nodes=_with_control_plane(nodes, options.control_plane, has_roles=False),
        context=options.context or "",
    )


def _pi(options: InitOptions) -> NewTestbed:
    # a wrong network is said before anything is asked
    network = parse_network(options.scan) if options.scan is not None else None
    name = options.name or _ask("the testbed's name", "pico")
    user = options.user or _ask("the user on the nodes", "pi", flag="--user")
    key = _key(options.key)
    given = [_pi_node(text) for text in options.nodes]
    found: list[NewNode] = []
    if network is not None:
        question = f"Try to connect to port 22 of {network.num_addresses} addresses in {network}?"
        confirm(question, yes=options.yes)
        known = {node.address for node in given}
        hosts = [
            host for host in scan(network, console.LiveProgress()) if host.address not in known
        ]
        found = _as_nodes(_choose(hosts, options), name, taken={node.name for node in given})
    nodes = [*given, *found] or _asked_nodes(name)
    return NewTestbed(
        name=name,
        platform="pi",
        nodes=_with_control_plane(nodes, options.control_plane),
        user=user,
        key=key,
    )


def _ask(what: str, default: str, *, flag: str = "") -> str:
    """Return an answer; where nobody answers the default, or an error if a ``flag`` is needed."""
    if console.can_ask():
        return str(typer.prompt(what, default=default, err=True))
    if flag:
        raise UsageError(f"{what} is not given, and nobody is there to ask", hint=f"give {flag}")
    return default


def _pi_node(text: str) -> NewNode:
    name, equals, rest = text.partition("=")
    address, _, tier = rest.partition(":")
    if not (name and equals and address):
        hint = "write NAME=ADDRESS or NAME=ADDRESS:TIER, as in pico-1=192.0.2.11:edge"
        raise UsageError(f"--node {text} does not say which node is where", hint=hint)
    return NewNode(name=name, address=address, tier=_tier(tier, text))


def _node_here(platform: PlatformName, text: str) -> NewNode:
    name, _, tier = text.partition(":")
    if "=" in name:
        raise UsageError(f"--node {text}: nodes of platform {platform} have no address")
    return NewNode(name=name, tier=_tier(tier, text))


def _node_of_cluster(text: str) -> NewNode:
    place, _, tier = text.partition(":")
    name, _, address = place.partition("=")
    return NewNode(name=name, address=address, tier=_tier(tier, text))


def _tier(tier: str, text: str) -> str:
    if tier and tier not in _TIERS:
        raise UsageError(f"--node {text}: there is no tier {tier}", hint="cloud, fog or edge")
    return tier


def _with_control_plane(
    nodes: Sequence[NewNode], wanted: str | None, *, has_roles: bool = True
) -> tuple[NewNode, ...]:
    """Return the nodes, one of them the control plane; tiers that nobody gave are filled in.

    Without roles of its own a testbed has one that is wanted only.
    """
    name = wanted or nodes[0].name
    if name not in [node.name for node in nodes]:
        raise UsageError(
            f"--control-plane {name}: there is no such node",
            hint=f"nodes are {', '.join(node.name for node in nodes)}",
        )
    return tuple(
        replace(
            node,
            is_control_plane=node.name == name and (has_roles or wanted is not None),
            tier=node.tier or ("cloud" if node.name == name else "edge"),
        )
        for node in nodes
    )


def _choose(hosts: Sequence[Host], options: InitOptions) -> list[Host]:
    """Return the machines that are meant: all Pis where there are some, unless told otherwise."""
    if not hosts:
        raise UsageError(
            f"nothing with SSH was found in {options.scan}",
            hint="are the machines on, is SSH enabled, is it the right network? "
            "Or name them: --node NAME=ADDRESS",
        )
    rows = [[str(number), *_described(host)] for number, host in enumerate(hosts, 1)]
    console.note("\n".join("  ".join(row).rstrip() for row in rows))
    pis = [host for host in hosts if host.is_raspberry_pi] or list(hosts)
    if options.yes or not console.can_ask():
        return pis
    numbers = ",".join(str(hosts.index(host) + 1) for host in pis)
    answer = str(typer.prompt("which ones (numbers)", default=numbers, err=True))
    words = answer.replace(",", " ").split()
    wrong = [word for word in words if not word.isdigit() or not 1 <= int(word) <= len(hosts)]
    if wrong or not words:
        raise UsageError(f"{' '.join(wrong) or 'nothing'} is not in the list")
    return [hosts[int(word) - 1] for word in dict.fromkeys(words)]


def _described(host: Host) -> tuple[str, str, str]:
    return host.address, host.greeting, "Raspberry Pi" if host.is_raspberry_pi else host.mac


def _as_nodes(hosts: Sequence[Host], name: str, *, taken: set[str]) -> list[NewNode]:
    free = (each for number in range(10_000) if (each := f"{name}-{number}") not in taken)
    return [
        NewNode(
            name=next(free),
            address=host.address,
            tier="",
            remark=", ".join(word for word in _described(host)[1:] if word),
        )
        for host in hosts
    ]


def _asked_nodes(name: str) -> list[NewNode]:
    first = _ask("addresses of the nodes, the control plane's first", "", flag="--node or --scan")
    addresses = first.replace(",", " ").split()
    if not addresses:
        raise UsageError("a testbed needs a node", hint="give --node or --scan")
    return [
        NewNode(name=f"{name}-{number}", address=address, tier="")
        for number, address in enumerate(addresses)
    ]


def _key(given: str | None) -> str:
    if given is not None:
        # a path that depends on where this was started would mean nothing later
        return given if given.startswith(("~", "/")) else str(Path(given).absolute())
    here = [key for key in _KEYS if Path("~/.ssh", key).expanduser().exists()]
    return _ask("the private key of SSH", f"~/.ssh/{(here or list(_KEYS))[0]}")


# Of each platform: the flags that are its own, and who asks for the rest.
_ANSWERS: Mapping[PlatformName, tuple[frozenset[str], Callable[[InitOptions], NewTestbed]]] = (
    MappingProxyType(
        {
            "local": (frozenset(), partial(_here, "local", "laptop")),
            "kind": (frozenset(), partial(_here, "kind", "kind")),
            "pi": (frozenset({"--scan", "--user", "--key"}), _pi),
            "kubernetes": (frozenset({"--context"}), _kubernetes),
        }
    )
)
