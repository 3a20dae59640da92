"""What answers Prometheus in the keeper's namespace: its own pages, and processes' by way of it."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from benchmarks.free_ports import free_port
from fogbed.platforms.local.scraping import Page, Place, ScrapeServer

BODY = b"flink_up 1\n" * 20_000


class Reporter(BaseHTTPRequestHandler):
    """Answers as Flink's reporter does: zipped for who takes that, of a length untold."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("X-Secret")))
        self.send_response(200)
        is_zipped = "gzip" in self.headers.get("Accept-Encoding", "")
        if is_zipped:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(gzip.compress(BODY) if is_zipped else BODY)

    def log_message(self, *_):
        """Say nothing."""


class Here:
    """Connects where it is: every namespace is this one."""

    async def connect(self, namespace, address):
        assert namespace == 3
        return await asyncio.open_connection(*address)


@pytest.fixture
def reporter():
    with HTTPServer(("127.0.0.1", 0), Reporter) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def own() -> str:
    return "fogbed_up 1\n"


@asynccontextmanager
async def served(places) -> AsyncIterator[str]:
    port = free_port()
    server = ScrapeServer({"/metrics": Page("text/plain; version=0.0.4", own)}, places, Here())
    await server.serve(port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


def answers(places, *asked):
    """Return what a server answers to (method, path, headers) in turn, over one session."""

    async def ask():
        async with served(places) as url:
            with requests.Session() as session:
                session.trust_env = False
                return [
                    await asyncio.to_thread(
                        session.request, method, url + path, headers=headers, timeout=20
                    )
                    for method, path, headers in asked
                ]

    return asyncio.run(ask())


def test_a_page_of_the_keepers_own_and_what_is_none():
    page, none, refused = answers(
        {}, ("GET", "/metrics", {}), ("GET", "/fog-9/taskmanager/metrics", {}), ("POST", "/", {})
    )
    assert (page.status_code, page.text) == (200, "fogbed_up 1\n")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4"
    assert (none.status_code, none.text) == (404, "there is no /fog-9/taskmanager/metrics\n")
    assert refused.status_code == 405


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_process_is_asked_in_its_namespace_and_its_answer_comes_whole(reporter, encoding):
    places = {"/fog-1/taskmanager/metrics": Place(3, reporter.server_address)}
    asked = ("GET", "/fog-1/taskmanager/metrics", {"Accept-Encoding": encoding, "X-Secret": "no"})
    for answer in answers(places, asked, asked):
        assert (answer.status_code, answer.content) == (200, BODY)
    assert reporter.seen == [("/metrics", None)] * 2


def test_a_process_that_is_not_there_is_told_and_who_asks_badly_hurts_nobody():
    places = {"/fog-1/taskmanager/metrics": Place(3, ("127.0.0.1", free_port()))}
    asked = ("GET", "/fog-1/taskmanager/metrics", {})
    badly = ("GET", "/metrics", {"X": "x" * 100_000})
    with pytest.raises(requests.ConnectionError):
        answers(places, badly)
    (gone,) = answers(places, asked)
    assert gone.status_code == 502
    assert gone.text.endswith(" does not answer\n")
