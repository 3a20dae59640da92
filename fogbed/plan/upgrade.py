"""From one version of Kubernetes to another: one minor at a time, never down; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fogbed.errors import UsageError

_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version of Kubernetes; without a patch it stands for every one of its minor."""

    major: int
    minor: int
    patch: int | None = None

    def __str__(self) -> str:
        patch = "" if self.patch is None else f".{self.patch}"
        return f"{self.major}.{self.minor}{patch}"

    def includes(self, other: Version) -> bool:
        """Say whether ``other`` is this version, or one of this minor."""
        same = (self.major, self.minor) == (other.major, other.minor)
        return same and self.patch in (None, other.patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePlan:
    """What an upgrade does. ``versions``: what each node that is not there yet has now."""

    target: str
    versions: Mapping[str, str]

    @property
    def is_done(self) -> bool:
        """Whether every node has the target already."""
        return not self.versions


def plan_upgrade(versions: Mapping[str, str], target: str) -> UpgradePlan:
    """Return the way from the nodes' versions (``v1.36.2`` by name) to ``target``.

    Raises:
        UsageError: it is not a version, it goes down, or it skips a minor; the hint has the steps.
    """
    wanted = asked_version(target)
    found = {node: parse_version(version) for node, version in versions.items()}
    rest = {node: str(version) for node, version in found.items() if not wanted.includes(version)}
    lowest, highest = min(found.values()), max(found.values())
    if rest and _is_below(wanted, highest):
        ahead = [node for node, version in found.items() if version == highest]
        raise UsageError(
            f"{', '.join(ahead)}: has {highest}, and Kubernetes does not go down to {wanted}",
            hint="fogbed down, then fogbed up with the older version in the testbed's file",
        )
    if wanted.major != lowest.major or wanted.minor > lowest.minor + 1:
        raise UsageError(
            f"from {lowest} to {wanted} skips a minor: Kubernetes goes up one at a time",
            hint="; then ".join(_steps(lowest, wanted)),
        )
    return UpgradePlan(target=str(wanted), versions=rest)


def parse_version(text: str) -> Version:
    """Return a version as Kubernetes writes it; UsageError where it is none."""
    found = _VERSION.match(text)
    if found is None:
        raise UsageError(f"{text!r} is not a version of Kubernetes")
    patch = None if found[3] is None else int(found[3])
    return Version(int(found[1]), int(found[2]), patch)


def asked_version(text: str) -> Version:
    """Return the version that a user asks for; UsageError where it is none."""
    if not _VERSION.fullmatch(text):
        raise UsageError(f"{text!r} is not a version", hint="write 1.37 or 1.37.2")
    return parse_version(text)


def _is_below(wanted: Version, highest: Version) -> bool:
    minor = (wanted.major, wanted.minor)
    if minor != (highest.major, highest.minor) or wanted.patch is None:
        return minor < (highest.major, highest.minor)
    return wanted.patch < (highest.patch or 0)


def _steps(lowest: Version, wanted: Version) -> list[str]:
    if wanted.major != lowest.major:
        return [f"fogbed upgrade --to {lowest.major}.{lowest.minor + 1}"]
    between = range(lowest.minor + 1, wanted.minor)
    steps = [f"{lowest.major}.{minor}" for minor in between] + [str(wanted)]
    return [f"fogbed upgrade --to {step}" for step in steps]
