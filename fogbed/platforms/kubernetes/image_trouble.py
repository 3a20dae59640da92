"""Images that a node cannot pull: the registry's answer, or none; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fogbed.platforms.kubernetes.judgement import Judgement, hopeless, waiting
from fogbed.platforms.kubernetes.observation import Body, Observation, count_of

IMAGE_REASONS = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
    "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
})  # fmt: skip
# a registry that does not answer may be starting: it is asked again after ten seconds
_TWICE = 2
# where nobody listens the second try may take a minute, for a node asks for other names meanwhile
_NOBODY = r"no such host|connection refused|unreachable|no route to host"
_NOBODY_S = 10.0
_NOT_THERE = (
    r"not found|manifest unknown|no match for platform|name unknown|"
    r"couldn't parse|invalid reference|repository does not exist"
)
_NO_RIGHT = r"unauthorized|denied|authentication required|authorization failed|forbidden"
_NO_ROOM = r"no space left"
_NO_MORE = r"toomanyrequests|too many requests|rate limit"
_NO_REGISTRY = (
    r"no such host|dial tcp|timeout|connection refused|unreachable|x509|tls|EOF|"
    r"server misbehaving|deadline exceeded|temporary failure|\b50[0234]\b"
)
_PREFIXES = (
    r'^Back-off pulling image "[^"]*": ',
    r"^ErrImagePull: ",
    r"rpc error: code = \w+ desc = ",
)


def judge_image(status: Body, pod: Body, subject: str, seen: Observation) -> Judgement:
    """Judge a container (its ``status``) whose image is not there."""
    held = status["state"]["waiting"]
    image, node = str(status.get("image")), str(pod["spec"]["nodeName"])
    failures = _failures(pod, seen)
    said = _registry_said(str(held.get("message") or ""), failures)
    is_final = bool(re.search(f"{_NOT_THERE}|{_NO_RIGHT}|{_NO_ROOM}", said, re.IGNORECASE))
    is_final = is_final or held["reason"] in {"InvalidImageName", "ErrImageNeverPull"}
    # who may see no events sees the back-off
    is_again = count_of(failures) >= _TWICE or (not seen.events and "BackOff" in held["reason"])
    nobody = bool(re.search(_NOBODY, said, re.IGNORECASE))
    if not is_final and not is_again and not nobody:
        return waiting(f"its image {image} on {node}, asked for again ({said})")
    return hopeless(
        "image",
        f"{subject}: image {image} cannot be pulled on {node} ({held['reason']}): {said}",
        _hint(said, node),
        patience_s=0.0 if is_final or is_again else _NOBODY_S,
    )


def is_held_back(pod: Body) -> bool:
    """Whether a pod waits for an image that could not be pulled, and nothing in it ever ran.

    Such a pod holds nothing that could be lost.
    """
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    return any(map(_lacks_image, _all_of(status))) and not any(map(_has_run, containers))


def _all_of(status: Body) -> Iterator[Body]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or ()


def _lacks_image(status: Body) -> bool:
    return ((status.get("state") or {}).get("waiting") or {}).get("reason") in IMAGE_REASONS


def _has_run(status: Body) -> bool:
    moments = (status.get("state") or {}, status.get("lastState") or {})
    ran = ("running", "terminated")
    return any(each.get(state) is not None for each in moments for state in ran)


def _hint(said: str, node: str) -> str:
    if re.search(_NO_ROOM, said, re.IGNORECASE):
        return f"make room on the disk of {node}"
    if re.search(_NO_MORE, said, re.IGNORECASE):
        return (
            f"the registry gives {node} no more images for some hours: name a mirror with "
            "sources.registries in the testbed's file, or bring the image there with fogbed images "
            "push"
        )
    if re.search(_NO_RIGHT, said, re.IGNORECASE):
        return (
            "it is private, or its name is wrong: a registry often says the same of both; "
            "name another image in the testbed's file"
        )
    if re.search(_NO_REGISTRY, said, re.IGNORECASE):
        return (
            f"{node} does not reach the registry: name a mirror with sources.registries in the "
            "testbed's file, or bring the image there with fogbed images push"
        )
    return (
        "is its name in the testbed's file right, and its tag, and is there one for the node's "
        "processor? fogbed images push brings one of your own"
    )


def _registry_said(held: str, failures: list[Body]) -> str:
    # a back-off of older kubelets does not say why
    told = [str(event.get("message") or "") for event in failures]
    text = told[-1].partition(": ")[2] if told and "Back-off" in held else held
    text = text or held
    for prefix in _PREFIXES:
        text = re.sub(prefix, "", text)
    return text.strip() or "no reason was given"


def _failures(pod: Body, seen: Observation) -> list[Body]:
    metadata = pod["metadata"]
    return [
        event
        for event in seen.events_of("Pod", metadata["namespace"], metadata["name"])
        if event.get("reason") == "Failed" and "Failed to pull image" in str(event.get("message"))
    ]
