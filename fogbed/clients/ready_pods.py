"""Which pods answer for a service now, by its EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogbed.errors import ServiceError


@dataclass(frozen=True, slots=True, order=True)
class PodPort:
    """A port of a pod."""

    pod: str
    port: int


def port_name(service: Mapping[str, Any], port: int) -> str:
    """Return the name of a service's port, empty if it has none.

    Raises:
        ServiceError: the service has no such port.
    """
    ports: Sequence[Mapping[str, Any]] = service["spec"].get("ports") or ()
    for each in ports:
        if each["port"] == port:
            return str(each.get("name") or "")
    known = ", ".join(str(each["port"]) for each in ports) or "none"
    raise ServiceError(
        f"service {service['metadata']['name']} has no port {port}", hint=f"its ports: {known}"
    )


def ready_pods(slices: Mapping[str, Any], name: str) -> tuple[PodPort, ...]:
    """Return the pods of a list of EndpointSlices that are Ready, with the port of that name."""
    return tuple(sorted({pod for each in slices["items"] for pod in _of_slice(each, name)}))


def _of_slice(found: Mapping[str, Any], name: str) -> Iterator[PodPort]:
    ports = [p["port"] for p in found.get("ports") or () if (p.get("name") or "") == name]
    for endpoint in found.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        # an unknown one counts as ready, says the API
        is_ready = conditions.get("ready") is not False and not conditions.get("terminating")
        target = endpoint.get("targetRef") or {}
        if is_ready and target.get("kind") == "Pod":
            yield from (PodPort(target["name"], port) for port in ports if port)
