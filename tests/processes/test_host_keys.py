"""What is known of a node's host key, told by OpenSSH's own files."""

from __future__ import annotations

import subprocess

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.pi.reach.host_keys import (
    HostKey,
    acquaintance,
    forget,
    known_hosts_file,
    remember,
    scan,
)
from fogbed.spec.testbed import Ssh

ADDRESS = "192.0.2.13"


@pytest.fixture
def made(tmp_path):
    """Make a machine's host key, as it would be shown under a name."""

    def make(number, name=ADDRESS):
        file = tmp_path / f"key-{number}"
        if not file.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]
            subprocess.run(argv, check=True)
        public = file.with_suffix(".pub").read_text(encoding="utf-8").split()
        return HostKey(f"{name} {public[0]} {public[1]}", "256 SHA256:... (ED25519)")

    return make


@pytest.fixture(params=[22, 2222])
def ssh(request, tmp_path):
    known = tmp_path / "lab" / "known_hosts"
    return Ssh(user="fog", key="/k", port=request.param, known_hosts=str(known))


def name_at(ssh, address=ADDRESS):
    return address if ssh.port == 22 else f"[{address}]:{ssh.port}"


def test_a_machine_becomes_known_and_another_in_its_place_is_another(ssh, made):
    one, other = made(1, name_at(ssh)), made(2, name_at(ssh))
    assert acquaintance(ssh, ADDRESS, [one]) == "new"
    remember(ssh, [one])
    assert known_hosts_file(ssh).stat().st_mode & 0o777 == 0o600
    assert acquaintance(ssh, ADDRESS, [one]) == "known"
    assert acquaintance(ssh, ADDRESS, [other]) == "other"
    assert acquaintance(ssh, "192.0.2.14", [other]) == "new"
    forget(ssh, ADDRESS)
    remember(ssh, [other])
    assert acquaintance(ssh, ADDRESS, [other]) == "known"
    assert acquaintance(ssh, ADDRESS, [one]) == "other"


def test_others_stay_known_and_hashed_names_are_found(ssh, made):
    file = known_hosts_file(ssh)
    remember(ssh, [made(1, name_at(ssh)), made(2, name_at(ssh, "192.0.2.14"))])
    # a user's editor may have left the last newline out
    file.write_text(file.read_text(encoding="utf-8").rstrip(), encoding="utf-8")
    remember(ssh, [made(3, name_at(ssh, "192.0.2.15"))])
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert ADDRESS not in file.read_text(encoding="utf-8")
    forget(ssh, ADDRESS)
    assert acquaintance(ssh, ADDRESS, [made(1)]) == "new"
    assert acquaintance(ssh, "192.0.2.14", [made(2)]) == "known"
    assert acquaintance(ssh, "192.0.2.15", [made(3)]) == "known"


def test_nothing_known_is_nothing_to_forget(ssh):
    forget(ssh, ADDRESS)
    assert not known_hosts_file(ssh).exists()


def test_nobody_there_shows_no_key():
    with pytest.raises(PlatformError, match=r"no SSH server answers at 127\.0\.0\.1, port 1"):
        scan(Ssh(user="fog", key="/k", port=1), "127.0.0.1")
