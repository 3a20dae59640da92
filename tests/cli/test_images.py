"""What ``fogbed images`` refuses before it asks any node; tests/ansible has the rest."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.platforms.pi.folder import PiFolder


@pytest.mark.usefixtures("pico")
@pytest.mark.parametrize("limit", ["", ","])
@pytest.mark.parametrize("words", [("images", "push", "my-job.tar"), ("down", "--yes")])
def test_an_empty_limit_is_refused_and_does_not_mean_all(words, limit, capsys):
    assert main([*words, "--limit", limit]) == 2
    assert "--limit is empty" in capsys.readouterr().err
    assert not PiFolder("pico").playbooks.exists()


@pytest.mark.usefixtures("pico")
def test_a_file_that_is_not_there_is_said(capsys):
    assert main(["images", "push", "gone.tar"]) == 2
    assert capsys.readouterr().err == (
        "error: gone.tar is not there\nhint: give a tar file, or the name of an image\n"
    )


@pytest.mark.usefixtures("fresh_home")
def test_a_laptop_needs_no_push(capsys):
    assert main(["images", "push", "my-job:1", "-t", "laptop"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed laptop is of platform local; this is for platform pi\n"
        "hint: name another testbed with -t\n"
    )
