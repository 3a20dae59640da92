"""Versions of Kubernetes and containerd: what matches, what is newest, what may follow what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

# The first containerd that reads each form of its configuration.
CONTAINERD_FORMATS = ((4, (2, 3)), (3, (2, 0)), (2, (1, 0)))


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version: "v1.36.3" and "5:1.36.3-1.1" are (1, 36, 3)."""
    core = re.sub(r"^\d+:", "", version).lstrip("v")
    return tuple(int(part) for part in re.match(r"[\d.]*", core).group().split(".") if part)  # type: ignore[union-attr]


def core(version: str) -> str:
    """A version without epoch and packaging: "1.36.3"."""
    return ".".join(str(number) for number in numbers(version))


def minor(version: str) -> str:
    """The minor release of a version: "1.36"."""
    return ".".join(str(number) for number in numbers(version)[:2])


def matches(version: str, beginning: str) -> bool:
    """Whether a version begins with another, number by number: 1.36.3 with 1.36, not with 1.3."""
    wanted = numbers(beginning)
    return numbers(version)[: len(wanted)] == wanted


def newest(madison: str, beginning: str) -> str:
    """The newest version in the output of `apt-cache madison` with this beginning, or ""."""
    found = set(re.findall(r"^[^|]*\| *(\S+) *\|", madison, re.MULTILINE))
    matching = [version for version in found if matches(version, beginning)]
    return core(max(matching, key=numbers)) if matching else ""


def upgrade_problem(current: str, target: str) -> str:
    """Why a cluster of one version cannot be brought to another, or ""."""
    now, then = numbers(current), numbers(target)
    if then[:1] != now[:1] or not then[1:]:
        return f"{target} is not a version of Kubernetes such as 1.37 or 1.37.2"
    if then < now[: len(then)]:
        return f"the cluster runs {core(current)}, and Kubernetes cannot go back to {target}"
    if then[1] > now[1] + 1:
        following = f"{now[0]}.{now[1] + 1}"
        return (
            f"the cluster runs {core(current)}, and Kubernetes goes up one minor at a time: "
            f"upgrade to {following} first"
        )
    return ""


def containerd_format(version: str) -> int:
    """The form of configuration that a containerd of this version is given."""
    release = numbers(version)[:2]
    return next(form for form, first in CONTAINERD_FORMATS if release >= first)


def runtime_settings(config: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The settings that Kubernetes depends on, in an effective configuration of any form."""
    plugins = config.get("plugins", {})
    old = plugins.get("io.containerd.grpc.v1.cri", {})
    runtime = plugins.get("io.containerd.cri.v1.runtime", old)
    images = plugins.get("io.containerd.cri.v1.images", old)
    runc = runtime.get("containerd", {}).get("runtimes", {}).get("runc", {})
    yield "SystemdCgroup", runc.get("options", {}).get("SystemdCgroup", False)
    yield "restrict_oom_score_adj", runtime.get("restrict_oom_score_adj", False)
    yield "sandbox", images.get("pinned_images", {}).get("sandbox", old.get("sandbox_image"))
    yield "config_path", images.get("registry", {}).get("config_path")


def containerd_problems(dump: str, wanted: dict[str, object]) -> list[str]:
    """What `containerd config dump` says otherwise than wanted.

    A setting under a name that this containerd does not know is silently ignored, so only the
    effective configuration tells.
    """
    config = tomllib.loads(dump)
    disabled = [name for name in config.get("disabled_plugins", []) if "cri" in name]
    effective = dict(runtime_settings(config))
    wrong = [
        f"{name} is {effective.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if effective.get(name) != value
    ]
    return [f"{name} is disabled" for name in disabled] + wrong


def package(name: str, version: str = "") -> dict[str, str]:
    """What the role fogbed is told to install."""
    return {"name": name, "version": version}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Name to function."""
        return {
            "kubeadm_core": core,
            "kubeadm_minor": minor,
            "kubeadm_matches": matches,
            "kubeadm_package": package,
            "kubeadm_newest": newest,
            "kubeadm_upgrade_problem": upgrade_problem,
            "containerd_format": containerd_format,
            "containerd_problems": containerd_problems,
        }
