"""A connection to a cluster's API server, by a kubeconfig, and its errors in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_refusals import Peer, no_connection, refusal


class Connection:
    """The kubernetes client's own ``api``, and the one place where its errors become ours.

    Raises:
        ServiceError: the kubeconfig or the context is not there, or cannot be read.
    """

    def __init__(self, access: KubeAccess) -> None:
        # it takes a second to import: only who asks a cluster waits for it
        from kubernetes import client  # noqa: PLC0415

        from fogbed.clients.kube_rest import Rest  # noqa: PLC0415

        self.access = access
        self._rest = Rest(access)
        self.api: Any = client.ApiClient(self._rest.configuration)
        self.api.rest_client = self._rest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.api.close()

    def ask(
        self,
        call: Callable[..., Any],
        *words: object,
        about: str = "",
        **options: object,
    ) -> Any:  # noqa: ANN401 - the client has no types
        """Return what a call of the client answers; ``about``: the object that it is for.

        Raises:
            ServiceError: refused, with the API server's own reason and the way out.
            ServiceAwayError: nothing answers where the API server should be.
            ServiceBusyError: it is there and gave no answer in time.
        """
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return call(*words, **options)
        except ApiException as error:
            raise refusal(
                error.status or 0, error.reason, error.body, peer=self._peer(), about=about
            ) from error
        except (HTTPError, OSError) as error:
            raise no_connection(error, peer=self._peer()) from error

    def _peer(self) -> Peer:
        login = self._rest.login
        return Peer(access=self.access, server=login.server, certificate=login.certificate)
