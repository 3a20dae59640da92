"""Programs that are run to their end."""

from __future__ import annotations

import pytest

from fogbed.clients import process
from fogbed.errors import CommandError


def test_one_that_may_not_be_started_is_an_error_of_ours(tmp_path):
    with pytest.raises(CommandError) as caught:
        process.run([tmp_path], timeout_s=5)
    assert caught.value.message == f"{tmp_path} could not be started: Permission denied"


def test_one_that_is_not_there_says_what_to_install():
    with pytest.raises(CommandError) as caught:
        process.run(["no-such-program"], timeout_s=5)
    assert caught.value.hint == "install no-such-program or add it to PATH"
