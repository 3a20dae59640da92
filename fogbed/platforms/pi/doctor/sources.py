"""Every place outside that ``up`` fetches something from, as addresses that can be tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fogbed.spec.testbed import Testbed

# Where a cluster's images come from: Kubernetes, etcd, CoreDNS and pause; flannel and kube-vip.
_REGISTRIES = ("registry.k8s.io", "ghcr.io")


def list_sources(testbed: Testbed, defaults: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> address; ``{os}`` and ``{codename}`` in one stand for the node's own.

    ``defaults``: the roles' own values of shared variables, for what the testbed does not say. A
    key may be a file on the node: then its path.
    """
    return dict(_sources(testbed, defaults))


def _sources(testbed: Testbed, defaults: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given, keys = testbed.sources.apt, testbed.sources.keys
    minor = ".".join(testbed.kubernetes.version.split(".")[:2])
    kubernetes = f"{given.kubernetes or defaults['fogbed_apt']['kubernetes']}/v{minor}/deb"
    yield "apt kubernetes", f"{kubernetes}/Release"
    yield "key kubernetes", keys.kubernetes or f"{kubernetes}/Release.key"
    if testbed.runtime.docker == "docker-ce":
        docker = f"{given.docker or defaults['fogbed_apt']['docker']}/{{os}}"
        yield "apt docker", f"{docker}/dists/{{codename}}/Release"
        yield "key docker", keys.docker or f"{docker}/gpg"
    if given.debian:
        yield "apt debian", f"{given.debian}/dists/{{codename}}/Release"
    if given.debian_security:
        yield "apt debian_security", f"{given.debian_security}/dists/{{codename}}-security/Release"
    yield from _registries(testbed.sources.registries)


def _registries(mirrors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = [name for name in mirrors if name != "*"]
    for name in dict.fromkeys((*_REGISTRIES, *named)):
        # of a name and the star, containerd takes the name
        place = mirrors.get(name, mirrors.get("*", name))
        url = place if "://" in place else f"https://{place}"
        yield f"registry {name}", f"{url}/v2/"
