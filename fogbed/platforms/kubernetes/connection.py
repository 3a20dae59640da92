"""How a command reaches a testbed on Kubernetes: its API server, and ports of its services.

What is opened here lives as long as the command does.
"""

from __future__ import annotations

import threading

from fogbed.clients import held
from fogbed.clients.forwarder import Forwarder
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_objects import KubeObjects
from fogbed.plan.cluster import namespace_of
from fogbed.spec.testbed import Testbed


class Connection:
    """One testbed's API server and forwarded ports, opened when they are first asked for."""

    def __init__(self, access: KubeAccess, testbed: Testbed) -> None:
        self.access = access
        self.kube = KubeObjects(access)
        self._forwarder = Forwarder(access, namespace_of(testbed.name))
        self._ports: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        held.hold(self.close)

    def url(self, service: str, port: int, *, local_port: int = 0) -> str:
        """Return where a port of a service is reached on loopback.

        Raises:
            ServiceError: there is no such service, or no port is free here.
        """
        with self._lock:
            wanted = (service, port)
            if wanted not in self._ports or local_port:
                self._ports[wanted] = self._forwarder.open(service, port, local_port=local_port)
            return f"http://127.0.0.1:{self._ports[wanted]}"

    @property
    def problem(self) -> str:
        """Why the last connection that could not be carried was not; "" after one that was."""
        return self._forwarder.problem

    def close(self) -> None:
        """Close every port and connection."""
        held.let_go(self.close)
        self._forwarder.close()
        self.kube.__exit__()
