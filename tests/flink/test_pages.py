"""The pages that work on a laptop testbed, line by line as a user types them."""

from __future__ import annotations

import shlex

import pytest
from pages import CHECKOUT, ON_A_TESTBED, commands, is_elsewhere, is_on_files

from fogbed.cli import main

pytestmark = [pytest.mark.flink, pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the checkout's examples, in a home of its own; nothing stays behind.

    What is cached of Java's classes is the session's: without it a start takes half as long again.
    """
    folder = tmp_path_factory.mktemp("pages")
    for each in ("experiments", "inventory"):
        (folder / each).symlink_to(CHECKOUT / each)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
            (folder / variable).mkdir()
            patch.setenv(variable, str(folder / variable))
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        try:
            yield folder
        finally:
            assert main(["down", "-t", "inventory/laptop.yml"]) == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ON_A_TESTBED)
def test_every_line_of_a_page_is_run(name, capsys):
    # a page that takes its testbed down leaves none to the next
    assert main(["up", "-t", "inventory/laptop.yml"]) == 0
    ran = 0
    for words in commands(CHECKOUT / "docs" / name):
        if is_elsewhere(words) or is_on_files(words):
            continue
        code = main(words)
        # how exact the emulation is here is what load decides: that it was judged is enough
        assert code in ({0, 3} if words[:2] == ["network", "verify"] else {0}), (
            shlex.join(words),
            capsys.readouterr().err,
        )
        ran += 1
    assert ran >= 5
