"""What OpenSSH and sudo say, in our words, with the way out."""

from __future__ import annotations

import pytest

from fogbed.platforms.pi.reach.ssh import explain


@pytest.mark.parametrize(
    ("stderr", "meaning", "way_out"),
    [
        ("fog@192.0.2.1: Permission denied (publickey).", "does not let us in", "ssh.user"),
        ("ssh: connect to host h port 22: Connection refused", "has no SSH server", "enable"),
        ("ssh: connect to host h port 22: Connection timed out", "cannot be reached", "is it on"),
        ("ssh: connect to host h port 22: No route to host", "cannot be reached", "is it on"),
        ("ssh: Could not resolve hostname h: Name or service not known", "no meaning", ""),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
            "another host key",
            "replace pi-7",
        ),
        ("sudo: a password is required", "wants a password", "--ask-become-pass"),
        ("WARNING: UNPROTECTED PRIVATE KEY FILE!", "others may read", "chmod 600"),
        ("something\nnew under the sun\n", "new under the sun", ""),
        ("", "pi-7 did not say why", ""),
    ],
)
def test_words_of_ssh_become_ours(stderr, meaning, way_out):
    said, fix = explain(stderr, "pi-7")
    assert meaning in said
    assert way_out in (fix or "")
