"""``fogbed open``: a service of a testbed, in the browser and on a port of this computer."""

from __future__ import annotations

import threading
from typing import Annotated, Literal

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.options import TestbedOption
from fogbed.clients import browser
from fogbed.platforms.base import Credentials


def open(  # noqa: A001 - the command's name
    service: Annotated[
        Literal["flink", "minio", "prometheus", "grafana"],
        typer.Argument(help="What to look into."),
    ],
    *,
    testbed: TestbedOption = None,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port on 127.0.0.1; else a free one.",
            show_default=False,
        ),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the URL and start no browser.")
    ] = False,
    show_credentials: Annotated[
        bool, typer.Option("--show-credentials", help="Print the secret too, not just its place.")
    ] = False,
) -> None:
    """Open a service; forwarded until Ctrl-C where it is in a cluster. Example: fogbed open flink.

    Nothing of a cluster is opened to anybody else: the port is one of this computer's own.
    """
    platform = platforms.open_platform(platforms.find_testbed(testbed))
    with platform.open_service(service, port) as opened:
        console.say(opened.url)
        if opened.credentials is not None:
            show_login(opened.credentials, with_secret=show_credentials)
        if opened.has_page and not no_browser and not browser.show(opened.url):
            console.note("no browser was found: open the URL in one")
        if opened.is_held:
            hold(opened.url)


def show_login(credentials: Credentials, *, with_secret: bool) -> None:
    """Say who is let in; the secret itself only ``with_secret``."""
    console.say(f"user: {credentials.user}")
    if with_secret:
        console.say(f"secret: {credentials.secret}")
    else:
        console.note(f"the secret lies in {credentials.place}; --show-credentials prints it")


def hold(url: str) -> None:
    """Wait until Ctrl-C, for what is forwarded ends with the command."""
    try:
        console.note(f"{url} is forwarded until Ctrl-C")
        threading.Event().wait()
    except KeyboardInterrupt:
        # how one ends this command: nothing was broken off
        console.note("closed")
