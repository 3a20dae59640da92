"""The kubernetes client's HTTP, let in by a ``Login``: its TLS, its headers, its proxy.

Of our own, since the client's knows one value for a header only, and a user may be impersonated in
many groups. It also wants keys as files that stay, and never asks a plugin for a new certificate.
Importing this takes most of a second.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3 import HTTPHeaderDict, disable_warnings
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util import make_headers

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_login import Login, read_login

# a request takes a moment to arrive, and the other clock may be ahead
_EARLIER_S = 30.0
_NOT_LET_IN = 401


class Rest(RESTClientObject):
    """Sends every request as the user of a context; credentials that end are asked for anew.

    Raises:
        ServiceError: as ``read_login``; later too, when credentials have ended.
    """

    def __init__(self, access: KubeAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self.login = read_login(access)
        super().__init__(_configuration(self.login))
        self._take_tls()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        post_params: object = None,
        _request_timeout: object = None,
    ) -> Any:  # noqa: ANN401 - the client has no types
        """Send a request as the client does, with the headers that say who we are.

        Who is not let in reads the kubeconfig again, once: a token may have been good for an hour.
        """
        rest = (body, post_params, _request_timeout)
        login = self._let_in()
        answer = self._send(login, method, url, headers, *rest)
        if answer.status != _NOT_LET_IN:
            return answer
        answer.read()
        return self._send(self._let_in(refused=login), method, url, headers, *rest)

    def _send(
        self,
        login: Login,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        *rest: object,
    ) -> Any:  # noqa: ANN401
        sent = HTTPHeaderDict(headers)
        for name, value in login.headers:
            sent.add(name, value)
        return super().request(method, url, sent, *rest)  # type: ignore[no-untyped-call]

    def _let_in(self, *, refused: Login | None = None) -> Login:
        with self._lock:
            ends = self.login.ends
            has_ended = ends is not None and time.time() > ends - _EARLIER_S
            # another thread may have been refused too, and have asked already
            if has_ended or self.login is refused:
                login = read_login(self._access)
                # what lets us in elsewhere is not for the server that is asked here
                if login.server == self.login.server:
                    self.login = login
                    self._take_tls()
            return self.login

    def _take_tls(self) -> None:
        # of its own making would be one from files; connections of an earlier one end unused
        self.pool_manager.connection_pool_kw["ssl_context"] = self.login.tls


def _configuration(login: Login) -> Configuration:
    """Return what the client wants to know before it is let in; nothing of the environment."""
    found = Configuration(host=login.server, no_proxy="")
    # urllib3 would warn of each of its tries on the terminal; one that fails is told by us
    found.retries = False
    if login.tls is not None and login.tls.verify_mode == ssl.CERT_NONE:
        found.verify_ssl = False
        # who wrote insecure-skip-tls-verify knows
        disable_warnings(InsecureRequestWarning)
    if login.server_name != login.host:
        found.tls_server_name = login.server_name
    found.proxy = login.proxy or None
    proxy = urlsplit(login.proxy)
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        found.proxy_headers = make_headers(proxy_basic_auth=pair)
    return found
