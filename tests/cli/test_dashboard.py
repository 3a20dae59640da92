"""``fogbed dashboard``: what is opened for which run, and what is said without a Grafana."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from fogbed import platforms
from fogbed.cli import main
from fogbed.clients import browser
from fogbed.platforms.base import Credentials, Opened

URL = "http://127.0.0.1:31000"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: {platform}
nodes: [{{name: cloud-1, tier: cloud, role: control-plane}}]
services: {services}
"""
WATCHED = "{prometheus: {enabled: true}, grafana: {enabled: true}}"
WITHOUT = "{prometheus: {enabled: true}, grafana: {enabled: false}}"
WHO = Credentials(user="admin", secret="hush", place="Secret grafana-admin")  # noqa: S106
RUN = "20261130-120000-metro"
NOW = f"{URL}/d/fogbed-experiment?from=now-15m&to=now&var-testbed=pico"
OF_RUN = f"{URL}/d/fogbed-network?from=995000&to=1065500&var-testbed=pico&var-run={RUN}"


class Somewhere:
    @contextmanager
    def open_service(self, name, local_port=0):
        assert (name, local_port) == ("grafana", 0)
        # what is forwarded is held until Ctrl-C: tests/cli/test_open.py
        yield Opened(url=URL, is_held=False, credentials=WHO)


@pytest.fixture
def home(fresh_home, monkeypatch):
    monkeypatch.chdir(fresh_home)
    monkeypatch.setattr(platforms, "open_platform", lambda _: Somewhere(), raising=False)
    return fresh_home


@pytest.fixture
def shown(monkeypatch):
    urls = []
    monkeypatch.setattr(browser, "show", lambda url: urls.append(url) or True)
    return urls


@pytest.fixture
def testbed(home):
    def write(platform="kind", services=WATCHED):
        text = TESTBED.format(platform=platform, services=services)
        (home / "testbed.yml").write_text(text, encoding="utf-8")

    write()
    return write


@pytest.fixture
def run(home, testbed):
    testbed()

    def write(*events, status="passed"):
        folder = home / "runs" / RUN
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"time": time, "event": event}) for time, event in events]
        (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
        (folder / "verdict.json").write_text(json.dumps({"status": status}))
        (folder / "environment.json").write_text(json.dumps({"testbed": "./testbed.yml"}))

    write((1000.0, "run-started"), (1060.5, "run-ended"))
    return write


@pytest.mark.usefixtures("testbed")
def test_without_a_run_it_shows_what_goes_on_now(shown, capsys):
    assert main(["dashboard"]) == 0
    assert shown == [NOW]
    assert capsys.readouterr().out == f"{NOW}\nuser: admin\n"


@pytest.mark.usefixtures("run")
def test_of_a_run_it_shows_the_time_and_the_testbed_that_it_ran_on(shown, capsys):
    assert main(["dashboard", "network", "last", "--show-credentials"]) == 0
    assert shown == [OF_RUN]
    assert capsys.readouterr().out == f"{OF_RUN}\nuser: admin\nsecret: hush\n"


def test_a_run_that_goes_on_has_no_end_yet_and_one_that_was_killed_has(run, shown):
    run((1000.0, "run-started"), (1060.5, "phase"), status="running")
    assert main(["dashboard", "network", RUN]) == 0
    run((1000.0, "run-started"), (1060.5, "phase"), status="interrupted")
    assert main(["dashboard", "network", RUN[:8]]) == 0
    assert shown == [OF_RUN.replace("to=1065500", "to=now"), OF_RUN]


@pytest.mark.usefixtures("run")
def test_programs_read_it_as_json_and_no_secret_unless_they_ask(shown, capsys):
    assert main(["dashboard", "network", "last", "--json"]) == 0
    told = {"url": OF_RUN, "board": "network", "run": RUN, "user": "admin", "place": WHO.place}
    assert json.loads(capsys.readouterr().out) == told
    assert main(["dashboard", "network", "last", "--json", "--show-credentials"]) == 0
    assert json.loads(capsys.readouterr().out) == {**told, "secret": "hush"}
    assert shown == []


@pytest.mark.usefixtures("testbed")
def test_the_browser_is_left_alone_where_it_is_told_so(shown):
    assert main(["dashboard", "fleet", "--no-browser"]) == 0
    assert shown == []


@pytest.mark.parametrize(
    ("platform", "services", "message"),
    [
        ("kind", "{}", "testbed pico has no Grafana"),
        ("local", "{}", "testbed pico has no Grafana"),
        ("local", WITHOUT, "testbed pico has no Grafana"),
        ("kind", "{prometheus: {enabled: true}}", "testbed pico has no Grafana"),
    ],
)
def test_without_grafana_it_says_what_there_is_instead(
    testbed, capsys, platform, services, message
):
    testbed(platform, services)
    assert main(["dashboard"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "fogbed watch" in error


def test_a_laptop_that_says_nothing_of_grafana_may_have_one(testbed, shown):
    testbed("local", "{prometheus: {enabled: true}}")
    assert main(["dashboard"]) == 0
    assert shown == [NOW]


@pytest.mark.usefixtures("testbed")
@pytest.mark.parametrize("words", [["weather"], ["flink", "yesterday"]])
def test_a_board_or_a_run_that_is_not_there_is_a_misuse(words):
    assert main(["dashboard", *words]) == 2
