"""What keeps a pod from being ready: its node, image, settings, program or probes; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fogbed.platforms.kubernetes.image_trouble import IMAGE_REASONS, is_held_back, judge_image
from fogbed.platforms.kubernetes.judgement import READY, Judgement, hopeless, waiting
from fogbed.platforms.kubernetes.observation import Body, Observation
from fogbed.platforms.kubernetes.scheduling import judge_node, judge_scheduling

_CONFIG_REASONS = frozenset({
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    "PreCreateHookError", "PreStartHookError", "PostStartHookError",
})  # fmt: skip
# a Secret or a ConfigMap may be made a moment later
_SETTINGS_S = 5.0
# the first failure may be a service's that it needs and that is about to start
_STARTS_TRIED = 2


def judge_pod(pod: Body, subject: str, seen: Observation) -> Judgement:
    """Judge one pod of ``subject``, which is the object's name in messages."""
    status = pod.get("status") or {}
    if not (pod.get("spec") or {}).get("nodeName"):
        return judge_scheduling(pod, subject, seen)
    if status.get("phase") == "Failed":
        return _judge_failed(pod)
    if _is_ready(pod):
        return READY
    if trouble := judge_node(pod, subject, seen):
        return trouble
    judged = [_judge_container(each, pod, subject, seen) for each in _statuses(status)]
    for state in ("hopeless", "waiting"):
        for each in judged:
            if each.state == state:
                return each
    return _judge_starting(pod, subject, seen)


def held_back_by(pod: Body) -> str:
    """Return which failure a pod in which nothing runs is held back by, as in "it ..."; or ""."""
    if is_held_back(pod):
        return "its image could not be pulled"
    return "it kept ending" if _kept_ending(pod) else ""


def _kept_ending(pod: Body) -> bool:
    statuses = list(_statuses(pod.get("status") or {}))
    runs = any((each.get("state") or {}).get("running") is not None for each in statuses)
    return not runs and any(map(_has_kept_ending, statuses))


def _has_kept_ending(status: Body) -> bool:
    state = status.get("state") or {}
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return True
    has_failed = (state.get("terminated") or {}).get("exitCode", 0) != 0
    return has_failed and int(status.get("restartCount", 0)) >= _STARTS_TRIED


def _judge_failed(pod: Body) -> Judgement:
    status = pod["status"]
    why = f"{status.get('reason') or 'it failed'}: {status.get('message') or ''}".rstrip(": ")
    return waiting(f"a pod in place of {pod['metadata']['name']} ({why})")


def _judge_container(status: Body, pod: Body, subject: str, seen: Observation) -> Judgement:
    state = status.get("state") or {}
    held, ended = state.get("waiting") or {}, state.get("terminated") or {}
    last = ended or (status.get("lastState") or {}).get("terminated") or {}
    reason = str(held.get("reason") or "")
    if status.get("ready") or (ended and ended.get("exitCode") == 0):
        return READY
    if reason in IMAGE_REASONS:
        return judge_image(status, pod, subject, seen)
    if reason in _CONFIG_REASONS:
        return _settings(subject, reason, str(held.get("message") or ""))
    if last.get("reason") == "OOMKilled":
        return _out_of_memory(status, pod, subject)
    if last and (reason == "CrashLoopBackOff" or ended):
        return _crashing(status, last, pod, subject, seen)
    return READY


def _settings(subject: str, reason: str, said: str) -> Judgement:
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', said)
    hint = "kubectl describe pod shows the rest"
    if missing:
        hint = f"the {missing[1]} {missing[2]} is not there: fogbed up makes it anew"
    return hopeless(
        "settings", f"{subject} cannot start ({reason}): {said}", hint, patience_s=_SETTINGS_S
    )


def _out_of_memory(status: Body, pod: Body, subject: str) -> Judgement:
    name = str(status["name"])
    limit = _limit(pod, name)
    if (status.get("state") or {}).get("running"):
        return waiting(f"its start, after one that was killed for its memory (limit {limit})")
    return hopeless(
        "memory",
        f"{subject} was killed for its memory (OOMKilled): container {name} may use {limit}",
        "give it more memory in the testbed's file, or take a node with more",
        log_of=(str(pod["metadata"]["name"]), name),
    )


def _crashing(status: Body, last: Body, pod: Body, subject: str, seen: Observation) -> Judgement:
    name, restarts = str(status["name"]), int(status.get("restartCount", 0))
    how = f"exit code {last.get('exitCode')}"
    said = str(last.get("message") or "").strip()
    how = f"{how}: {said}" if said else how
    if restarts < _STARTS_TRIED:
        return waiting(f"another start of container {name}, which ended with {how}")
    probe = _fatal_probe(pod, seen)
    why = f"; {probe}" if probe else ""
    metadata = pod["metadata"]
    hint = f"kubectl logs -n {metadata['namespace']} {metadata['name']} -c {name} --previous"
    return hopeless(
        "crash",
        f"{subject} keeps ending (CrashLoopBackOff): container {name} was started "
        f"{restarts + 1} times, last with {how}{why}",
        f"{hint} has the whole log",
        log_of=(str(metadata["name"]), name),
    )


def _judge_starting(pod: Body, subject: str, seen: Observation) -> Judgement:
    running = [bool((s.get("state") or {}).get("running")) for s in _statuses(pod["status"])]
    if running and all(running):
        probe = _last(pod, seen, "Unhealthy")
        return waiting(f"its probe ({_first_line(probe)})" if probe else "its probe")
    if refused := _last(pod, seen, "FailedMount", "FailedAttachVolume"):
        missing = re.search(r'(secret|configmap) "([^"]+)" not found', refused)
        if missing:
            return _settings(subject, "FailedMount", _first_line(refused))
        return waiting(f"its volumes ({_first_line(refused)})")
    if refused := _last(pod, seen, "FailedCreatePodSandBox"):
        return waiting(f"its network ({_first_line(refused)})")
    if _latest_reason(pod, seen) == "Pulling":
        image = pod["spec"]["containers"][0]["image"]
        return waiting(f"its image {image} on {pod['spec']['nodeName']}")
    return waiting(f"its start on {pod['spec']['nodeName']}")


def _fatal_probe(pod: Body, seen: Observation) -> str:
    killed = _last(pod, seen, "Killing")
    return _first_line(_last(pod, seen, "Unhealthy")) if "probe" in killed else ""


def _events(pod: Body, seen: Observation) -> list[Body]:
    metadata = pod["metadata"]
    return seen.events_of("Pod", metadata["namespace"], metadata["name"])


def _last(pod: Body, seen: Observation, *reasons: str) -> str:
    said = [str(e.get("message") or "") for e in _events(pod, seen) if e.get("reason") in reasons]
    return said[-1] if said else ""


def _latest_reason(pod: Body, seen: Observation) -> str:
    events = _events(pod, seen)
    return str(events[-1].get("reason")) if events else ""


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _is_ready(pod: Body) -> bool:
    conditions: Sequence[Body] = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _statuses(status: Body) -> Iterator[Body]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or ()


def _limit(pod: Body, container: str) -> str:
    for each in pod["spec"]["containers"]:
        if each["name"] == container:
            return str(
                ((each.get("resources") or {}).get("limits") or {}).get("memory", "no limit")
            )
    return "no limit"
