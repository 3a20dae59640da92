"""Where an image is asked for: a testbed's mirrors first, then its own registry."""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.spec.image_names import ImageName

# Docker Hub answers elsewhere than its name says.
_SERVERS = {"docker.io": "https://registry-1.docker.io"}


def sources_of(image: ImageName, mirrors: Mapping[str, str]) -> tuple[str, ...]:
    """Return the URLs of the registries that may have an image, in the order of containerd.

    ``mirrors``: ``sources.registries`` of the testbed.
    """
    mirror = mirrors.get(image.registry, mirrors.get("*"))
    own = _own(image.registry, mirrors)
    return tuple(dict.fromkeys(_url(each) for each in (mirror, own) if each is not None))


def _own(registry: str, mirrors: Mapping[str, str]) -> str:
    """Return where a registry itself answers; one that is a mirror too is spelled there."""
    for mirror in mirrors.values():
        if mirror.partition("://")[2] == registry:
            return mirror
    return _SERVERS.get(registry, registry)


def _url(place: str) -> str:
    return (place if "://" in place else f"https://{place}").rstrip("/")
