"""A testbed's objects brought into a cluster: applied in order, watched until they are ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError, ServiceAwayError, ServiceBusyError, ServiceError
from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes.judgement import READY, Judgement, hopeless
from fogbed.platforms.kubernetes.observation import Body, Observation, name_of, pods_of
from fogbed.platforms.kubernetes.pod_trouble import held_back_by
from fogbed.platforms.kubernetes.readiness import KINDS, is_ready, judge

T = TypeVar("T")

_LOOK_EVERY_S = 1.0
_HOPE_EVERY_S = 2.0
# a control plane that restarts is back in this time, a node of it after a reboot as well
_SILENCE_S = 60.0
_GONE_S = 5.0
_QUOTED_LINES = 10
_SHOWN = 3


def roll_out(
    kube: KubeObjects,
    manifests: Sequence[Manifest],
    progress: Progress,
    *,
    timeout_s: float = 300,
) -> None:
    """Apply ``manifests`` in their order, and return when all of them are ready.

    Deployments, DaemonSets and claims of volumes are waited for; the rest is there once applied.
    Pods that an earlier failure holds back are made anew first: to pull an image, or of a program
    that kept ending. An API server that falls silent in between is waited for, up to a minute.

    Raises:
        ServiceError: the API server refuses an object, or does not come back.
        PlatformError: one will not become ready; names it, the event and the way out, seconds
            after it is so. Or ``timeout_s`` seconds are over: says what each waits for.
    """
    patiently = _Patience(progress)
    with progress.step("applying the testbed's objects", total=len(manifests)) as step:
        for done, manifest in enumerate(manifests):
            step.advance(done, f"{manifest.kind} {manifest.name}")
            patiently.insist(partial(kube.apply, manifest.body))
        step.advance(len(manifests))
    _wait(kube, manifests, progress, patiently, timeout_s)


def hope_for(
    kube: KubeObjects, manifests: Sequence[Manifest], progress: Progress
) -> Callable[[], None]:
    """Return what raises once one of ``manifests`` will not become ready; as ``roll_out``.

    It may be asked as often as one likes: it looks every other second.
    """
    watch, patiently = _Watch(kube, manifests), _Patience(progress)
    looked = time.monotonic()

    def require() -> None:
        nonlocal looked
        if time.monotonic() - looked >= _HOPE_EVERY_S:
            patiently.try_once(watch.look)
            looked = time.monotonic()

    return require


def _wait(
    kube: KubeObjects,
    manifests: Sequence[Manifest],
    progress: Progress,
    patiently: _Patience,
    timeout_s: float,
) -> None:
    waited = [manifest for manifest in manifests if manifest.kind in KINDS]
    watch = _Watch(kube, waited)
    for renewed in patiently.insist(watch.renew):
        progress.note(renewed)
    deadline = time.monotonic() + timeout_s
    with progress.step("waiting for the testbed's pods", total=len(waited)) as step:
        while True:
            judged = patiently.try_once(watch.look)
            if judged is None:
                step.advance(0, "the API server does not answer; waiting for it")
            else:
                pending = {name: each for name, each in judged.items() if each != READY}
                step.advance(len(waited) - len(pending), _note(pending))
                if not pending:
                    return
            if time.monotonic() >= deadline:
                raise _too_late(watch.latest, timeout_s)
            time.sleep(_LOOK_EVERY_S)


class _Patience:
    """Waits for an API server that answered before and then fell silent."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._has_answered = False
        self._silent_since: float | None = None

    def try_once(self, ask: Callable[[], T]) -> T | None:
        """Return the answer; None where none came and may still come.

        Raises:
            ServiceError: it never answered, or has been silent for too long.
        """
        try:
            answer = ask()
        except (ServiceAwayError, ServiceBusyError) as error:
            now = time.monotonic()
            if self._silent_since is None:
                self._silent_since = now
                if self._has_answered:
                    self._progress.note(f"{error.message}; waiting for it")
            if not self._has_answered or now - self._silent_since > _SILENCE_S:
                raise
            return None
        if self._silent_since is not None:
            silence_s = time.monotonic() - self._silent_since
            self._progress.note(f"the API server answers again, after {silence_s:.0f} s")
        self._has_answered, self._silent_since = True, None
        return answer

    def insist(self, ask: Callable[[], T]) -> T:
        """Return the answer, however long the silence before it; raises as ``try_once``."""
        while (answer := self.try_once(ask)) is None:
            time.sleep(_LOOK_EVERY_S)
        return answer


class _Watch:
    """Looks at the objects again and again, and raises what has been hopeless for long enough."""

    def __init__(self, kube: KubeObjects, waited: Sequence[Manifest]) -> None:
        self._kube = kube
        self._waited = waited
        self._sources = sorted({(m.api_version, m.kind, m.namespace) for m in waited})
        self._namespaces = sorted({m.namespace for m in waited})
        self._since: dict[tuple[str, str], float] = {}
        self._forbidden: set[str] = set()
        self.latest: Mapping[str, Judgement] = {}

    def look(self) -> Mapping[str, Judgement]:
        """Return the present judgement of every object, by name.

        Raises:
            PlatformError: one of them is hopeless, and has been for its patience.
        """
        bodies = self._bodies()
        seen = Observation()
        if not all(body is not None and is_ready(body) for body in bodies.values()):
            seen = self._observe()
        self.latest = {
            name: _gone(name) if body is None else judge(body, seen)
            for name, body in bodies.items()
        }
        self._raise_hopeless()
        return self.latest

    def renew(self) -> list[str]:
        """Delete the pods that an earlier try left waiting; return which, and why, as sentences.

        What failed may be mended, and kubelet does not try again for up to 5 minutes; nor does an
        old failure tell anything of this try. Pods of who may not delete them stay.
        """
        bodies = [body for body in self._bodies().values() if body and not is_ready(body)]
        seen = self._observe() if bodies else Observation()
        return [
            f"{name} is made anew: earlier {why}"
            for body in bodies
            for pod in pods_of(body, seen)
            if (why := held_back_by(pod)) and (name := self._deleted(pod))
        ]

    def _deleted(self, pod: Body) -> str:
        metadata = pod["metadata"]
        name, namespace = str(metadata["name"]), str(metadata["namespace"])
        try:
            was_there = self._kube.delete("v1", "Pod", name, namespace)
        except (ServiceAwayError, ServiceBusyError):
            raise
        except ServiceError:
            return ""
        return f"Pod {namespace}/{name}" if was_there else ""

    def _bodies(self) -> dict[str, Body | None]:
        found = {
            name_of(body): body
            for api_version, kind, namespace in self._sources
            for body in self._kube.list(api_version, kind, namespace)
        }
        return {(name := name_of(m.body)): found.get(name) for m in self._waited}

    def _observe(self) -> Observation:
        return Observation(
            replica_sets=self._all("apps/v1", "ReplicaSet"),
            pods=self._all("v1", "Pod"),
            events=self._all("v1", "Event"),
            nodes={node["metadata"]["name"]: node for node in self._allowed("v1", "Node", "")},
        )

    def _all(self, api_version: str, kind: str) -> list[Body]:
        return [
            body
            for namespace in self._namespaces
            for body in self._allowed(api_version, kind, namespace)
        ]

    def _allowed(self, api_version: str, kind: str, namespace: str) -> Iterable[Body]:
        """Return what may be seen: who may not list a kind is told less, and not refused."""
        if kind in self._forbidden:
            return ()
        try:
            return self._kube.list(api_version, kind, namespace)
        except (ServiceAwayError, ServiceBusyError):
            raise
        except ServiceError:
            self._forbidden.add(kind)
            return ()

    def _raise_hopeless(self) -> None:
        now = time.monotonic()
        troubles = {
            (name, each.trouble): each
            for name, each in self.latest.items()
            if each.state == "hopeless"
        }
        self._since = {key: self._since.get(key, now) for key in troubles}
        lost = [each for key, each in troubles.items() if now - self._since[key] >= each.patience_s]
        if lost:
            others = [each.what for each in lost[1:]]
            raise PlatformError(
                lost[0].what,
                hint=lost[0].way_out,
                details="\n".join([*self._last_words(lost[0]), *others]) or None,
            )

    def _last_words(self, judged: Judgement) -> list[str]:
        if judged.log_of is None:
            return []
        pod, container = judged.log_of
        spaces = {
            body["metadata"]["name"]: str(body["metadata"]["namespace"])
            for body in self._all("v1", "Pod")
        }
        # one that was not started again yet has its last words in the present log
        for read in (self._kube.last_words, self._kube.log):
            # a log that has gone with its container or pod must not hide what is known
            with suppress(ServiceError, KeyError):
                return list(read(pod, spaces[pod], container, _QUOTED_LINES))
        return []


def _gone(name: str) -> Judgement:
    return hopeless(
        "gone",
        f"{name} is not there any more: somebody deleted it",
        "fogbed up makes it anew",
        patience_s=_GONE_S,
    )


def _note(pending: Mapping[str, Judgement]) -> str:
    lines = [f"{name}: {_waits_for(each)}" for name, each in pending.items()]
    more = f" (+{len(lines) - _SHOWN} more)" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def _waits_for(judged: Judgement) -> str:
    return judged.what if judged.state == "hopeless" else f"waits for {judged.what}"


def _too_late(latest: Mapping[str, Judgement], timeout_s: float) -> PlatformError:
    pending = {name: each for name, each in latest.items() if each != READY}
    if not pending:
        return PlatformError(f"the API server did not tell for {timeout_s:.0f} s what is ready")
    first, judged = next(iter(pending.items()))
    others = [f"{name} {_waits_for(each)}" for name, each in list(pending.items())[1:]]
    return PlatformError(
        f"{first} is not ready after {timeout_s:.0f} s: it {_waits_for(judged)}",
        hint="fogbed up goes on from here; kubectl get events --sort-by=.lastTimestamp "
        "shows what happened",
        details="\n".join(others) or None,
    )
