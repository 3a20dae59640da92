"""``fogbed dashboard``: a dashboard of Grafana in the browser, at the time of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fogbed import paths, platforms
from fogbed.cli import console
from fogbed.cli.open import hold, show_login
from fogbed.cli.options import JsonOption, TestbedOption
from fogbed.clients import browser
from fogbed.errors import UsageError
from fogbed.plan.services.grafana import board_path
from fogbed.spec.abilities import ABILITIES
from fogbed.spec.testbed import Testbed

if TYPE_CHECKING:
    from fogbed.experiment.record.bundle import Bundle
    from fogbed.platforms.base import Opened

_BEFORE_S = _AFTER_S = 5.0  # what is shown besides the run, so that its ends are seen


def dashboard(  # noqa: PLR0913 - each is an option of the command
    board: Annotated[
        Literal["experiment", "flink", "nodes", "network", "fleet"],
        typer.Argument(metavar="[BOARD]", help="experiment, flink, nodes, network or fleet."),
    ] = "experiment",
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's name, its beginning, its path, or last."),
    ] = None,
    *,
    testbed: TestbedOption = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            "--runs", metavar="FOLDER", help="Where runs are kept.", show_default="./runs"
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the URL and start no browser.")
    ] = False,
    show_credentials: Annotated[
        bool, typer.Option("--show-credentials", help="Print the password too, not just its place.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Open a dashboard, forwarded until Ctrl-C. Example: fogbed dashboard network last.

    Without a run it shows what goes on now. A testbed without Grafana has fogbed watch.
    """
    bundle = _find(runs, run)
    found = platforms.find_testbed(_named(testbed, bundle))
    _require_grafana(found)
    with platforms.open_platform(found).open_service("grafana") as opened:
        name = bundle.name if bundle is not None else ""
        window = _window(bundle) if bundle is not None else None
        url = opened.url + board_path(board, found.name, run=name, window=window)
        if as_json:
            console.say_json(_described(url, board, name, opened, with_secret=show_credentials))
        else:
            console.say(url)
            if opened.credentials is not None:
                show_login(opened.credentials, with_secret=show_credentials)
        if not (no_browser or as_json) and not browser.show(url):
            console.note("no browser was found: open the URL in one")
        if opened.is_held:
            hold(opened.url)


def _find(runs: Path | None, run: str | None) -> Bundle | None:
    from fogbed.experiment.record.bundle import find_run

    return None if run is None else find_run(runs or paths.runs_dir(), run)


def _named(testbed: str | None, bundle: Bundle | None) -> str | None:
    """Return the testbed that was named, else the run's own."""
    if testbed is not None or bundle is None:
        return testbed
    return bundle.environment().get("testbed")


def _require_grafana(testbed: Testbed) -> None:
    services, is_a_cluster = testbed.services, ABILITIES[testbed.platform].is_a_cluster
    # a laptop that says nothing of it may have one: it is known where the testbed is up
    if testbed.asks_for_grafana or (
        services.grafana.enabled is None and services.prometheus.enabled and not is_a_cluster
    ):
        return
    raise UsageError(
        f"testbed {testbed.name} has no Grafana",
        hint="`fogbed watch` shows a run's figures in the terminal; to have one write "
        "`prometheus: {enabled: true}` and "
        "`grafana: {enabled: true}` under services in its file, then fogbed up",
    )


def _window(bundle: Bundle) -> tuple[float, float | None]:
    """Return from when to when a run went on, with a margin; None for its end: it goes on."""
    journal = bundle.journal()
    if not journal:
        raise UsageError(f"run {bundle.name} has not begun", hint="give the command again later")
    begin, last = journal[0]["time"], journal[-1]
    has_ended = last["event"] == "run-ended" or bundle.verdict().get("status") != "running"
    return begin - _BEFORE_S, last["time"] + _AFTER_S if has_ended else None


def _described(
    url: str, board: str, run: str, opened: Opened, *, with_secret: bool
) -> dict[str, str | None]:
    who = opened.credentials
    told = {"url": url, "board": board, "run": run or None}
    if who is not None:
        told |= {"user": who.user, "place": who.place}
        told |= {"secret": who.secret} if with_secret else {}
    return told
