"""A playbook as it happens, in the lines that stay."""

from __future__ import annotations

from fogbed.cli import console
from fogbed.cli.playbook_view import watched
from fogbed.clients.ansible_events import PlaybookEvent


def test_a_phase_in_which_no_node_had_anything_to_do_leaves_no_line(capsys):
    events = [
        PlaybookEvent(kind="play", play="Preflight"),
        PlaybookEvent(kind="task", task="Look at the host"),
        PlaybookEvent(kind="started", task="Look at the host", host="pico-1"),
        PlaybookEvent(kind="ok", task="Look at the host", host="pico-1"),
        PlaybookEvent(kind="play", play="Prepare hosts"),
        PlaybookEvent(kind="task", task="Leave hosts on which nothing is to be done"),
        PlaybookEvent(kind="play", play="Ready"),
        PlaybookEvent(kind="started", task="Label", host="pico-1"),
        PlaybookEvent(kind="changed", task="Label", host="pico-1"),
    ]
    with watched(console.LiveLines()) as view:
        for event in events:
            view(event)
    said = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert [word for word in said if word in ("Preflight", "Prepare", "Ready")] == [
        "Preflight",
        "Ready",
    ]
