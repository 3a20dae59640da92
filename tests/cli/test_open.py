"""``fogbed open`` as users meet it; what is forwarded is tests/processes/test_forwarder.py's."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fogbed import platforms
from fogbed.cli import main
from fogbed.clients import browser
from fogbed.platforms.base import Credentials, Opened

URL = "http://127.0.0.1:31000"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: shown
platform: local
nodes: [{name: cloud-1, tier: cloud, role: control-plane}]
"""
WHO = Credentials(user="root", secret="hush", place="Secret minio-root")  # noqa: S106


class Somewhere:
    """A platform whose services are as a test has them."""

    def __init__(self, opened):
        self.opened, self.asked, self.is_closed = opened, None, False

    @contextmanager
    def open_service(self, name, local_port=0):
        self.asked = name, local_port
        yield self.opened
        self.is_closed = True


@pytest.fixture
def offer(fresh_home, monkeypatch):
    monkeypatch.chdir(fresh_home)
    (fresh_home / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    shown = []
    monkeypatch.setattr(browser, "show", lambda url: shown.append(url) or True)

    def offer(**opened):
        platform = Somewhere(Opened(url=URL, **opened))
        monkeypatch.setattr(platforms, "open_platform", lambda _: platform, raising=False)
        platform.shown = shown
        return platform

    return offer


def test_what_has_a_port_anyway_is_shown_and_that_is_all(offer, capsys):
    platform = offer(is_held=False)
    assert main(["open", "flink"]) == 0
    assert (platform.shown, platform.asked) == ([URL], ("flink", 0))
    assert capsys.readouterr() == (f"{URL}\n", "")
    assert main(["open", "flink", "--no-browser", "--port", "31000"]) == 0
    assert (platform.shown, platform.asked) == ([URL], ("flink", 31000))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_what_is_forwarded_is_held_until_ctrl_c(offer, capsys, sign, monkeypatch):
    platform = offer()

    class Interrupted(threading.Event):
        """Is waited for, and then the signal comes."""

        def wait(self, timeout=None):
            threading.Thread(target=os.kill, args=(os.getpid(), sign)).start()
            return super().wait(timeout)

    command = importlib.import_module("fogbed.cli.open")
    monkeypatch.setattr(command, "threading", SimpleNamespace(Event=Interrupted))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["open", "flink", "--no-browser"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert platform.is_closed
    assert capsys.readouterr() == (f"{URL}\n", f"{URL} is forwarded until Ctrl-C\nclosed\n")


def test_a_secret_is_printed_only_when_asked_for(offer, capsys):
    platform = offer(is_held=False, has_page=False, credentials=WHO)
    assert main(["open", "minio"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{URL}\nuser: root\n"
    assert err == "the secret lies in Secret minio-root; --show-credentials prints it\n"
    assert main(["open", "minio", "--show-credentials"]) == 0
    assert capsys.readouterr() == (f"{URL}\nuser: root\nsecret: hush\n", "")
    assert platform.shown == []


def test_without_a_browser_it_says_so(offer, capsys, monkeypatch):
    offer(is_held=False)
    monkeypatch.setattr(browser, "show", lambda _: False)
    assert main(["open", "flink"]) == 0
    assert capsys.readouterr().err == "no browser was found: open the URL in one\n"


def test_an_unknown_service_is_a_misuse(offer, capsys):
    offer()
    assert main(["open", "weather"]) == 2
    assert "weather" in capsys.readouterr().err
