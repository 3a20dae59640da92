"""Container registries, by their HTTP interface: what digest a name stands for now.

https://github.com/opencontainers/distribution-spec, and for tokens
https://distribution.github.io/distribution/spec/auth/token/. Nobody logs in: what needs a password
is refused with a sentence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import requests

from fogbed.clients.images.documents import (
    INDEXES,
    MANIFESTS,
    parse_configuration,
    parse_index,
    parse_json,
    parse_manifest,
)
from fogbed.errors import ServiceError, UsageError
from fogbed.spec.image_names import ImageName

_TIMEOUT_S = 30.0
_LARGEST = 4 << 20  # bytes of a manifest, as registries bound it
_ACCEPT = ", ".join((*INDEXES, *MANIFESTS))
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a name stands for: its digest, for which architectures, and who said so."""

    digest: str
    architectures: frozenset[str]
    source: str


class Registries:
    """Asks registries; what one of them does not have or say, the next one is asked."""

    def __init__(
        self, session: requests.Session | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        """``timeout_s``: how long each answer may take, in seconds."""
        self._session = session or requests.Session()
        self._timeout_s = timeout_s
        self._tokens: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def resolve(self, image: ImageName, sources: Sequence[str]) -> Resolved:
        """Return what a name stands for at the first of ``sources`` (URLs) that has it.

        Raises:
            ServiceError: none has it; with what each of them said.
        """
        problems = []
        for source in sources:
            try:
                return self._ask(image, source)
            except (ServiceError, UsageError) as error:
                problems.append(f"{source}: {error.message}")
        raise ServiceError(
            f"no registry gives {image}",
            details="\n".join(problems),
            hint="see sources.registries of the testbed, and that the image has this tag; "
            "one that asks for a password cannot be locked",
        )

    def _ask(self, image: ImageName, source: str) -> Resolved:
        wanted = image.digest or image.tag or "latest"
        kind, content = self._get(source, image.path, f"manifests/{wanted}", accept=_ACCEPT)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if image.digest and digest != image.digest:
            raise ServiceError(f"gave {digest} where {image.digest} was asked for")
        what = f"the manifest of {image}"
        media_type = str(parse_json(content, what).get("mediaType") or kind)
        if media_type in INDEXES:
            found = {each.architecture for each in parse_index(content, what) if each.os == "linux"}
        elif media_type in MANIFESTS:
            config, _ = parse_manifest(content, what)
            _, text = self._get(source, image.path, f"blobs/{config.digest}", accept="*/*")
            found = {parse_configuration(text, f"the configuration of {image}").architecture}
        else:
            raise ServiceError(f"gave something of type {media_type or 'none'}, not an image")
        return Resolved(digest=digest, architectures=frozenset(found), source=source)

    def _get(self, source: str, path: str, rest: str, *, accept: str) -> tuple[str, bytes]:
        """Return the media type and the content of a document of a repository."""
        url = f"{source}/v2/{path}/{rest}"
        answer = self._request(url, accept, self._tokens.get((source, path)))
        if answer.status_code == _UNAUTHORIZED:
            token = self._token(answer.headers.get("WWW-Authenticate", ""), path)
            self._tokens[source, path] = token
            answer = self._request(url, accept, token)
        if answer.status_code != _OK:
            raise ServiceError(_told(answer))
        if len(answer.content) > _LARGEST:
            raise ServiceError(f"gave {len(answer.content):,} bytes: not a document of an image")
        return answer.headers.get("Content-Type", "").partition(";")[0], answer.content

    def _request(self, url: str, accept: str, token: str | None = None) -> requests.Response:
        headers = {"Accept": accept}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            return self._session.get(url, headers=headers, timeout=self._timeout_s)
        except requests.RequestException as error:
            raise ServiceError(f"does not answer: {_reason(error)}") from error

    def _token(self, challenge: str, path: str) -> str:
        """Return a token that anybody gets, from where the registry says that it is to be had."""
        scheme, _, rest = challenge.partition(" ")
        words = dict(_CHALLENGE.findall(rest))
        realm = words.pop("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise ServiceError("asks for a password")
        query = {"scope": f"repository:{path}:pull"} | words
        try:
            answer = self._session.get(realm, params=query, timeout=self._timeout_s)
        except requests.RequestException as error:
            raise ServiceError(f"{realm} gives no token: {_reason(error)}") from error
        if answer.status_code != _OK:
            raise ServiceError(f"asks for a password ({realm} answers {answer.status_code})")
        found = parse_json(answer.content, f"the token of {realm}")
        return str(found.get("token") or found.get("access_token") or "")


def _told(answer: requests.Response) -> str:
    if answer.status_code == _NOT_FOUND:
        return "does not have it"
    text = " ".join(answer.text[:300].split())
    return f"answers {answer.status_code} {answer.reason or ''}: {text or 'without a word'}"


def _reason(error: requests.RequestException) -> str:
    """Return the innermost reason: requests wraps it several times."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return str(inner) or type(inner).__name__
