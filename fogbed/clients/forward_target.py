"""Where a forwarded port leads: to a pod of its service that is Ready now."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Sequence
from urllib.parse import quote, urlencode

from fogbed.clients.forwarded import PROTOCOLS
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_channels import Channels
from fogbed.clients.kube_get import Reader
from fogbed.clients.kube_login import Login, read_login
from fogbed.clients.kube_wire import Refused
from fogbed.clients.ready_pods import PodPort, port_name, ready_pods
from fogbed.errors import ServiceError

# A pod that moves is away for a moment: a client that has connected waits that long.
_PATIENCE_S = 5.0
_AGAIN_S = 0.25
_NOT_LET_IN = 401
_REFUSALS = (_NOT_LET_IN, 403)


class Target:
    """A port of a service, and the pods that have it at the moment."""

    def __init__(self, access: KubeAccess, namespace: str, service: str, port: int) -> None:
        self._access, self._service, self._port = access, service, port
        self._namespace = quote(namespace, safe="")
        self._looking: asyncio.Task[tuple[PodPort, ...]] | None = None
        self._login: Login | None = None
        self._reader: Reader | None = None

    def __str__(self) -> str:
        return f"service {self._service}, port {self._port}"

    def close(self) -> None:
        """Let go of what it asks the API server with."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._login = None

    async def connect(self) -> Channels:
        """Return channels to a pod that is Ready now; waits a moment for one.

        Raises:
            ServiceError: there is none, or the API server does not answer.
        """
        give_up, failed = time.monotonic() + _PATIENCE_S, set[PodPort]()
        while True:
            pod = None
            try:
                pod = self._one_of(await self.look(), failed)
                return await self._connect(pod)
            except ServiceError as error:
                is_hopeless = isinstance(error, Refused) and error.status in _REFUSALS
                if is_hopeless or time.monotonic() > give_up:
                    raise
                failed |= {pod} if pod else set()
                await asyncio.sleep(_AGAIN_S)

    def _one_of(self, found: Sequence[PodPort], failed: Collection[PodPort]) -> PodPort:
        if not found:
            raise ServiceError(f"no pod of service {self._service} is Ready")
        untried = [each for each in found if each not in failed]
        return random.choice(untried or found)  # noqa: S311 - to spread them, not to hide one

    async def look(self) -> tuple[PodPort, ...]:
        """Return the pods that are Ready now; who asks while somebody does gets that answer.

        Raises:
            ServiceError: the API server does not answer, or has no such service or port.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> tuple[PodPort, ...]:
        try:
            return await self._asked()
        except Refused as error:
            # a token that was good for an hour
            if error.status != _NOT_LET_IN:
                raise
            self.close()
            return await self._asked()

    async def _asked(self) -> tuple[PodPort, ...]:
        login = await self._let_in()
        if self._reader is None:
            self._reader = Reader(login)
        name = quote(self._service, safe="")
        query = urlencode({"labelSelector": f"kubernetes.io/service-name={self._service}"})
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{self._namespace}/endpointslices?{query}"
        service = await self._reader.get(f"/api/v1/namespaces/{self._namespace}/services/{name}")
        return ready_pods(await self._reader.get(slices), port_name(service, self._port))

    async def _let_in(self) -> Login:
        if self._login is None:
            # a credential plugin may ask somewhere far away
            self._login = await asyncio.to_thread(read_login, self._access)
        return self._login

    async def _connect(self, pod: PodPort) -> Channels:
        login = await self._let_in()
        path = f"/api/v1/namespaces/{self._namespace}/pods/{quote(pod.pod, safe='')}/portforward"
        return await Channels.open(login, f"{path}?ports={pod.port}", PROTOCOLS)
