"""Objects of a cluster, of whatever kind: applied by the server, compared, listed, pruned.

An object is the API's own JSON as a dict; in messages it is ``Kind namespace/name``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Self

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_change import Body, Change, change_of
from fogbed.clients.kube_connection import Connection
from fogbed.errors import ServiceBusyError, ServiceError

Found = dict[str, Any]
FoundMany = list[Found]
Names = list[str]

MANAGER = "fogbed"
_TIMEOUT_S = 10
# admission may ask webhooks, ten seconds each
_APPLY_TIMEOUT_S = 30
_NOT_FOUND = 404
_LOOK_EVERY_S = 0.5
# whatever a component of ours is made of, except what holds data: a claim is never pruned
_NAMESPACED = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "StatefulSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
)
_CLUSTER_WIDE = (
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("storage.k8s.io/v1", "StorageClass"),
)


class KubeObjects:
    """One cluster's objects. Only the first question opens a connection.

    Every method raises ServiceError with the object, the API server's own reason and the way out;
    ServiceAwayError where nothing answers, ServiceBusyError where no answer comes in time.
    """

    def __init__(self, access: KubeAccess) -> None:
        self._connection = Connection(access)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    # -- one object ----------------------------------------------------------------------------

    def apply(self, body: Body) -> Change:
        """Make an object be as ``body`` says; what others own of it stays."""
        before = self._before(body)
        return change_of(body, before, self._applied(body, dry_run=None), MANAGER)

    def preview(self, body: Body) -> Change:
        """Return what ``apply`` would do; the server judges, and nothing is changed."""
        before = self._before(body)
        namespace = _place(body)[2]
        if before is None and namespace and self.get("v1", "Namespace", namespace) is None:
            return "created"
        return change_of(body, before, self._applied(body, dry_run="All"), MANAGER)

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Found | None:
        """Return an object; None if it is not there."""
        path = self._resource(api_version, kind).path(name=name, namespace=namespace or None)
        found = self._json("get", path, about=shown(kind, name, namespace), absent_ok=True)
        return None if found is None else dict(found)

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> bool:
        """Ask for an object's end, after all that it owns; return whether it was there."""
        path = self._resource(api_version, kind).path(name=name, namespace=namespace or None)
        about = shown(kind, name, namespace)
        options = {"propagation_policy": "Foreground"}
        return self._json("delete", path, about=about, absent_ok=True, **options) is not None

    def wait_gone(
        self, api_version: str, kind: str, name: str, namespace: str = "", *, timeout_s: float = 120
    ) -> None:
        """Return when an object is there no more.

        Raises:
            ServiceError: it still is after ``timeout_s`` seconds; says what keeps it.
        """
        deadline = time.monotonic() + timeout_s
        while (found := self.get(api_version, kind, name, namespace)) is not None:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{shown(kind, name, namespace)} is not gone after {timeout_s:.0f} s"
                    f"{_keeper(found)}",
                    hint="kubectl get events -A --sort-by=.lastTimestamp shows what happens",
                )
            time.sleep(_LOOK_EVERY_S)

    def scale(self, kind: str, name: str, namespace: str, replicas: int) -> None:
        """Set how many pods a Deployment or StatefulSet is to have."""
        resource = self._resource("apps/v1", kind)
        path = f"{resource.path(name=name, namespace=namespace)}/scale"
        self._json(
            "patch",
            path,
            about=shown(kind, name, namespace),
            body={"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
            field_manager=MANAGER,
        )

    # -- many objects --------------------------------------------------------------------------

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> FoundMany:
        """Return the objects of a kind that carry all ``labels``; "": of every namespace."""
        path = self._resource(api_version, kind).path(namespace=namespace or None)
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        where = f"{kind} in {namespace}" if namespace else f"every {kind}"
        answer = self._json("get", path, about=where, label_selector=selector or None)
        # a list says them once, for all
        named = {"apiVersion": api_version, "kind": kind}
        return [{**item, **named} for item in answer["items"]]

    def prune(
        self,
        labels: Mapping[str, str],
        keep: Iterable[tuple[str, str, str]],
        namespaces: Iterable[str],
    ) -> Names:
        """Delete what carries all ``labels`` and is not among ``keep``; return what it was.

        ``keep``: (kind, namespace, name). ``namespaces``: where to look; "" means what belongs to
        no namespace. Claims of volumes and namespaces stay, as does what another object owns.
        """
        kept, removed = set(keep), []
        for namespace in namespaces:
            for api_version, kind in _NAMESPACED if namespace else _CLUSTER_WIDE:
                for found in self.list(api_version, kind, namespace, labels):
                    name = found["metadata"]["name"]
                    is_owned = bool(found["metadata"].get("ownerReferences"))
                    if (kind, namespace, name) in kept or is_owned:
                        continue
                    if self.delete(api_version, kind, name, namespace):
                        removed.append(shown(kind, name, namespace))
        return removed

    # -- all the rest --------------------------------------------------------------------------

    def raw(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON stands there
        """Return the JSON at a path of the API server, its query included."""
        return self._json("get", path, about=path)

    def log(
        self,
        pod: str,
        namespace: str,
        container: str = "",
        lines: int | None = None,
        follow: bool = False,  # noqa: FBT001, FBT002 - the contract's order
    ) -> Iterator[str]:
        """Yield the last ``lines`` of a container's log (None: all), then what it says further."""
        query = {"container": container, "follow": "true" if follow else "", "tailLines": lines}
        return self._log(pod, namespace, query, read_timeout_s=None if follow else _TIMEOUT_S)

    def last_words(self, pod: str, namespace: str, container: str, lines: int) -> Iterator[str]:
        """Yield the last lines of a container that ended, and was started again since."""
        query = {"container": container, "previous": "true", "tailLines": lines}
        return self._log(pod, namespace, query, read_timeout_s=_TIMEOUT_S)

    def _log(
        self, pod: str, namespace: str, query: Body, *, read_timeout_s: float | None
    ) -> Iterator[str]:
        about = f"the log of {shown('Pod', pod, namespace)}"
        response = self._connection.ask(
            self._dynamic.request,
            "get",
            f"{self._resource('v1', 'Pod').path(name=pod, namespace=namespace)}/log",
            about=about,
            query_params=[(key, value) for key, value in query.items() if value not in ("", None)],
            serialize=False,
            _request_timeout=(_TIMEOUT_S, read_timeout_s),
        )
        parts, rest = response.stream(decode_content=True), b""
        try:
            while (part := self._connection.ask(next, parts, None, about=about)) is not None:
                *whole, rest = (rest + part).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
            if rest:
                yield rest.decode(errors="replace")
        finally:
            # who stops listening leaves the rest unread: the connection serves nobody else
            response.close()

    @cached_property
    def _dynamic(self) -> Any:  # noqa: ANN401 - the client has no types
        from kubernetes.dynamic import DynamicClient  # noqa: PLC0415

        # what it discovers it would keep in /tmp, where anybody may have put another's: no file
        # can be below this one
        return self._connection.ask(
            DynamicClient, self._connection.api, cache_file=f"{os.devnull}/discovery"
        )

    def _resource(self, api_version: str, kind: str) -> Any:  # noqa: ANN401
        from kubernetes.dynamic.exceptions import (  # noqa: PLC0415
            ResourceNotFoundError,
            ResourceNotUniqueError,
        )

        find = self._dynamic.resources.get
        try:
            return self._connection.ask(find, about=kind, api_version=api_version, kind=kind)
        except (ResourceNotFoundError, ResourceNotUniqueError) as error:
            raise ServiceError(
                f"the cluster has no kind {kind} in {api_version}",
                hint="kubectl api-resources shows what it has; is its version supported?",
            ) from error

    def _before(self, body: Body) -> Found | None:
        kind, name, namespace = _place(body)
        return self.get(str(body["apiVersion"]), kind, name, namespace)

    def _applied(self, body: Body, *, dry_run: str | None) -> Found:
        kind, name, namespace = _place(body)
        resource = self._resource(str(body["apiVersion"]), kind)
        answer = self._json(
            "patch",
            resource.path(name=name, namespace=namespace or None),
            about=shown(kind, name, namespace),
            body=dict(body),
            content_type="application/apply-patch+yaml",
            field_manager=MANAGER,
            force_conflicts=True,
            dry_run=dry_run,
            _request_timeout=_APPLY_TIMEOUT_S,
        )
        return dict(answer)

    def _json(self, method: str, path: str, *, absent_ok: bool = False, **options: Any) -> Any:  # noqa: ANN401
        from kubernetes.dynamic.exceptions import NotFoundError  # noqa: PLC0415

        options.setdefault("_request_timeout", _TIMEOUT_S)
        about = str(options.pop("about"))

        def answered() -> bytes | None:
            try:
                found = self._dynamic.request(method, path, serialize=False, **options)
            except NotFoundError:
                if absent_ok:
                    return None
                raise
            return bytes(found.data)

        content = self._connection.ask(answered, about=about)
        if content is None:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            raise ServiceBusyError(f"{about}: the API server's answer is no JSON") from error


def _place(body: Body) -> tuple[str, str, str]:
    metadata = body["metadata"]
    return str(body["kind"]), str(metadata["name"]), str(metadata.get("namespace") or "")


def shown(kind: str, name: str, namespace: str) -> str:
    """Return an object as messages name it."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _keeper(found: Body) -> str:
    conditions = (found.get("status") or {}).get("conditions") or ()
    said = [str(each.get("message")) for each in conditions if each.get("status") == "True"]
    finalizers = found["metadata"].get("finalizers") or ()
    reasons = said or [f"it waits for {name}" for name in finalizers]
    return f": {'; '.join(reasons)}" if reasons else ""
