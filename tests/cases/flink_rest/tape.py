"""Flink's REST answers on tape: recorded from a real one, played to a client in tests.

A tape is JSON: a list of ``[method, path, status, body]`` in the order they were heard. Of a
stretch of polls the first and the last are kept, of long answers what a client of ours could look
at; played, the last answer on a path repeats.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

Answer = tuple[int, Any]


class Recorder(HTTPAdapter):
    """Passes requests on and keeps what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[list[Any]] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        answer = super().send(request, *args, **kwargs)
        said = answer.json() if answer.content else None
        line = [request.method, request.path_url, answer.status_code, _short(request, said)]
        if [line[:2]] * 2 == [old[:2] for old in self.heard[-2:]]:
            self.heard.pop()
        self.heard.append(line)
        return answer

    def save(self, path: Path) -> None:
        lines = ",\n".join(json.dumps(line, separators=(",", ":")) for line in self.heard)
        path.write_text(f"[\n{lines}\n]\n")


@cache
def lines_of(tape: Path) -> list[list[Any]]:
    """Return what stands on a tape, for reading only: every test's player has the same."""
    lines: list[list[Any]] = json.loads(tape.read_text())
    return lines


class Player(BaseAdapter):
    """Answers from a tape; ``asked`` lists the requests that change something, with bodies.

    ``instead`` is asked first, and may answer in the tape's place.
    """

    def __init__(
        self, tape: Path, instead: Callable[[str, str, Any], Answer | None] | None = None
    ) -> None:
        super().__init__()
        self._answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for method, path, status, body in lines_of(tape):
            self._answers[method, path].append((status, body))
        self._instead = instead
        self.asked: list[tuple[str, str, Any]] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        method, path = str(request.method), request.path_url
        sent = self._body(request)
        if method != "GET":
            self.asked.append((method, path, sent))
        status, body = (self._instead and self._instead(method, path, sent)) or self._next(
            method, path
        )
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = status, str(request.url), request
        answer._content = b"" if body is None else json.dumps(body).encode()
        return answer

    def skip(self, suffix: str) -> None:
        """Pass over the first answer on the paths that end so."""
        for (_, path), answers in self._answers.items():
            if path.endswith(suffix):
                answers.pop(0)

    def close(self) -> None:
        """Nothing is open."""

    def _next(self, method: str, path: str) -> Answer:
        answers = self._answers[method, path]
        if not answers:
            return 404, {"errors": [f"not on the tape: {method} {path}"]}
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @staticmethod
    def _body(request: requests.PreparedRequest) -> Any:
        is_json = "json" in str(request.headers.get("Content-Type"))
        return json.loads(request.body) if is_json and request.body else None


def _short(request: requests.PreparedRequest, said: Any) -> Any:
    path = request.path_url
    if path.endswith("/metrics"):
        ours = re.compile(r"rides|parse|nearest|results|numRecords")
        return [entry for entry in said if ours.search(entry["id"].lower())]
    if path == "/jobmanager/config":
        return [entry for entry in said if re.search("scheduler|savepoint", entry["key"])]
    if isinstance(said, dict):
        return {key: value for key, value in said.items() if key not in ("plan", "history")}
    return said


def session_of(adapter: BaseAdapter) -> requests.Session:
    """Return a session whose every request goes through ``adapter``."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    return session
