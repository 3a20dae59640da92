"""Which Grafana shows a laptop testbed's figures, who is let in, and what is said without one."""

from __future__ import annotations

import grafana_stand_in
import pytest

from fogbed.errors import PlatformError, UsageError
from fogbed.platforms.base import Credentials, Endpoints, Opened
from fogbed.platforms.examination import check_grafana
from fogbed.platforms.local import grafana
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.grafana import (
    find_grafana,
    grafana_for,
    once_ready,
    prepare,
    problems_of,
)
from fogbed.platforms.local.opened import opened_here
from fogbed.spec.testbed import Testbed

URL = "http://127.0.0.1:3000"
FLINK = Endpoints(flink="http://127.0.0.1:8081")


def asking(enabled=None, *, watched=True):
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "bench",
            "platform": "local",
            "nodes": [{"name": "cloud-1", "tier": "cloud"}],
            "services": {"prometheus": {"enabled": watched}, "grafana": {"enabled": enabled}},
        }
    )


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Put a Grafana of a version, called so, first on PATH; none elsewhere."""
    monkeypatch.setattr(grafana, "_HOME", tmp_path / "usr" / "share" / "grafana")
    monkeypatch.setenv("PATH", "/usr/sbin:/bin")

    def put(version=grafana_stand_in.VERSION, name="grafana"):
        home = tmp_path / "grafana home"
        monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/sbin:/bin")
        return grafana_stand_in.install(home, name=name, version=version)

    return put


@pytest.mark.parametrize(("name", "words"), [("grafana", ("server",)), ("grafana-server", ())])
def test_the_one_on_path_is_taken_with_its_home_and_version(on_path, name, words):
    program = on_path("9.5.21", name)
    found = grafana_for(asking())
    assert (found.program, found.words, found.version) == (program, words, "9.5.21")
    assert found.home == program.parent.parent
    assert check_grafana().found == f"9.5.21 ({program})"


@pytest.mark.usefixtures("on_path")
def test_a_package_s_own_is_found_without_path(tmp_path):
    assert find_grafana() is None
    program = grafana_stand_in.install(tmp_path / "usr" / "share" / "grafana")
    assert grafana_for(asking()).program == program


@pytest.mark.usefixtures("on_path")
def test_of_a_package_the_program_is_taken_and_not_its_script(tmp_path, monkeypatch):
    """The script on PATH names the system's own settings and data."""
    program = grafana_stand_in.install(tmp_path / "usr" / "share" / "grafana")
    script = tmp_path / "usr" / "sbin" / "grafana"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/bin")
    assert grafana_for(asking(enabled=True)).program == program


@pytest.mark.usefixtures("on_path")
def test_a_program_of_that_name_without_a_home_is_another_one(tmp_path, monkeypatch):
    other = tmp_path / "bin" / "grafana"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n", encoding="ascii")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:/bin")
    assert find_grafana() is None


def test_who_asks_for_none_needs_none(on_path):
    assert grafana_for(asking()) is None
    check = check_grafana()
    assert check.ok
    assert not check.blocks
    assert "Grafana's own package or archive" in check.found
    on_path()
    assert grafana_for(asking(enabled=False)) is None
    assert grafana_for(asking(watched=False)) is None


@pytest.mark.usefixtures("on_path")
def test_who_asks_for_one_is_told_what_lacks_and_both_ways_out():
    with pytest.raises(UsageError, match="there is no program grafana here") as caught:
        grafana_for(asking(enabled=True))
    assert "services: {grafana: {enabled: false}}" in caught.value.hint


def test_one_that_is_too_old_is_refused_where_it_was_asked_for_and_else_passed_over(on_path):
    on_path("8.5.27", "grafana-server")
    assert grafana_for(asking()) is None
    with pytest.raises(UsageError, match=r"is version 8\.5\.27, and fogbed needs 9 or newer"):
        grafana_for(asking(enabled=True))
    check = check_grafana()
    assert (check.ok, check.blocks) == (False, False)


@pytest.fixture
def folder(fresh_home):
    assert fresh_home.exists()
    made = TestbedFolder("bench")
    made.make()
    return made


def test_the_password_is_made_once_and_nobody_else_s_to_read(folder):
    prepare(folder)
    password = folder.root / "grafana-login" / "password"
    first = password.read_text(encoding="ascii")
    assert len(first) > 20
    for file in (password, password.with_name("key")):
        assert file.stat().st_mode & 0o777 == 0o600
    assert password.parent.stat().st_mode & 0o777 == 0o700
    prepare(folder)
    assert password.read_text(encoding="ascii") == first
    assert password.with_name("key").read_text(encoding="ascii") != first


def test_what_it_kept_and_what_it_was_given_before_goes(folder):
    prepare(folder)
    database = folder.root / "grafana" / "grafana.db"
    database.write_text("with the password of then", encoding="ascii")
    board = folder.root / "conf" / "grafana" / "dashboards" / "of-an-older-fogbed.json"
    board.parent.mkdir()
    board.write_text("{}", encoding="ascii")
    prepare(folder)
    assert not database.exists()
    assert not board.exists()


@pytest.fixture
def answers(monkeypatch):
    def set_to(*, ready):
        monkeypatch.setattr(grafana, "grafana_is_ready", lambda _: ready)

    return set_to


def test_it_is_opened_with_its_login_once_it_answers(folder, answers, monkeypatch):
    prepare(folder)
    password = folder.root / "grafana-login" / "password"
    text = password.read_text(encoding="ascii")
    answers(ready=True)
    opened = once_ready(Opened(url=URL, is_held=False), folder)
    assert opened.credentials == Credentials(user="admin", secret=text, place=str(password))
    password.unlink()
    with pytest.raises(PlatformError, match="the password of Grafana, cannot be read"):
        once_ready(Opened(url=URL, is_held=False), folder)
    answers(ready=False)
    monkeypatch.setattr(grafana, "_READY_S", 0.0)
    with pytest.raises(PlatformError, match="does not answer at") as caught:
        once_ready(Opened(url=URL, is_held=False), folder)
    assert "fogbed logs grafana" in caught.value.hint


def test_where_it_is_reached_is_an_endpoint_and_a_testbed_without_says_what_there_is(on_path):
    more = {"prometheus": 9090, "grafana": 3000}
    launched = Launched(
        port=8081, number=1, scheduler="default", steering="s", fabric_socket="f", more_ports=more
    )
    assert launched.endpoints().grafana == URL
    assert opened_here("bench", "grafana", launched.endpoints(), 0).url == URL
    with pytest.raises(UsageError, match=f"Grafana of testbed bench is at {URL}"):
        opened_here("bench", "grafana", launched.endpoints(), 4000)
    with pytest.raises(UsageError, match="testbed bench runs no Grafana") as caught:
        opened_here("bench", "grafana", FLINK, 0)
    assert "fogbed watch" in caught.value.hint
    assert "there is no program grafana here" in caught.value.hint
    on_path()
    with pytest.raises(UsageError) as caught:
        opened_here("bench", "grafana", FLINK, 0)
    assert "grafana: {enabled: true}" in caught.value.hint


def said(**program):
    return {"programs": {"grafana": {"state": "running", "restarts": 0} | program}}


def test_one_that_answers_is_no_problem_and_neither_is_none(folder, answers):
    answers(ready=True)
    assert problems_of(said(restarts=3), URL, folder) == []
    answers(ready=False)
    assert problems_of({"programs": {}}, None, folder) == []
    assert problems_of(said(), URL, folder) == ["Grafana is not ready yet"]


def test_one_that_dies_is_told_with_its_own_reason(folder, answers):
    answers(ready=False)
    log = folder.root / "logs" / "grafana.log"
    log.write_text("logger=settings level=warn\nError: ✗ no room\nbye\n", encoding="utf-8")
    (problem,) = problems_of(said(state="starting", restarts=2), URL, folder)
    assert problem == (
        "Grafana does not run (Error: ✗ no room): it is started again, and the rest goes on; "
        "fogbed logs grafana"
    )
