"""Keys and known hosts in folders whose names OpenSSH's options give a meaning."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess

import pytest

from fogbed.plan.inventory import ssh_arguments
from fogbed.platforms.pi.reach.ssh import ssh_options
from fogbed.spec.testbed import Ssh

NAMES = ["plain", "a b", "100%41", 'a "b" \\ %h', "jos\u00e9 #1"]


def what_ssh_says(ssh: Ssh) -> str:
    """Connect to a server that hangs up at once: by then the client has looked for its key."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        there = ssh.model_copy(update={"port": server.getsockname()[1]})
        with subprocess.Popen(
            ["ssh", "-v", "-F", "none", *ssh_options(there), "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as client:
            server.accept()[0].close()
            return client.communicate(timeout=20)[1]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH here")
@pytest.mark.parametrize("name", NAMES)
def test_ssh_reads_the_files_that_were_meant(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    key = folder / "id_ed25519"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30
    )
    (folder / "known").write_text("", encoding="utf-8")
    ssh = Ssh(user="fog", key=str(key), known_hosts=str(folder / "known"))
    said = what_ssh_says(ssh)
    # -1 would be a file that is not there; names are shown with escapes of OpenSSH's own
    assert re.search(r"identity file .*id_ed25519 type [0-9]", said), said
    shown = subprocess.run(
        ["ssh", "-G", "-F", "none", *ssh_arguments(ssh), "127.0.0.1"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    # -G shows what it will fill in, not what comes of it
    escaped = str(folder / "known").replace("%", "%%")
    assert f"userknownhostsfile {escaped}\n" in shown.stdout.replace("%%", "%").replace("%", "%%")
