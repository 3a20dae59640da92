"""What goes wrong on real machines, and what a user reads: host, task, reason, way on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fogbed.cli import main

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def one(lab):
    return lab.fresh(49)[0]


@pytest.fixture
def said(capsys, note_said):
    """Give a command that must fail; return what the user read."""

    def run(*words, code=1):
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        text = capsys.readouterr().err
        note_said(" ".join(map(str, words[:2])), text[text.index("error: ") :])
        return text

    return run


@pytest.fixture
def changed(tmp_path):
    """A testbed's file with something else in it."""

    def change(file: Path, *pairs: tuple[str, str]) -> Path:
        text = file.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "testbed.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return change


def test_a_wrong_key(lab, one, said, changed, tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True
    )
    file = lab.testbed("wrong-key", [one])
    key = file.read_text(encoding="utf-8").split("key: ")[1].split(",")[0]
    text = said("up", "-t", changed(file, (key, str(tmp_path / "other"))))
    assert "pi-49" in text
    assert "Permission denied" in text
    assert "ssh.key" in text


def test_a_host_that_is_down(lab, one, said, changed):
    file = lab.testbed("host-down", [one])
    text = said("up", "-t", changed(file, ("198.18.2.59", "198.18.2.99")))
    assert "pi-49" in text
    assert "No route to host" in text or "timed out" in text


def test_sudo_that_wants_a_password(lab, one, said, monkeypatch):
    file = lab.testbed("sudo", [one])
    one.ssh("echo 'pi ALL=(ALL) ALL' >/etc/sudoers.d/pi; echo pi:right | chpasswd")
    try:
        assert "--ask-become-pass" in said("up", "-t", file)
        monkeypatch.setattr("fogbed.cli.console.ask_secret", lambda _: "wrong")
        assert "password" in said("up", "-t", file, "--ask-become-pass")
    finally:
        lab.sudo_without_password(one)


def test_a_full_disk(lab, one, said):
    file = lab.testbed("full-disk", [one])
    # apt's archive on a file system of 4 MiB: packages do not fit
    one.ssh("mkdir -p /var/cache/apt; mount -t tmpfs -o size=4m tmpfs /var/cache/apt")
    try:
        text = said("up", "-t", file)
    finally:
        one.ssh("umount /var/cache/apt")
    assert "pi-49" in text
    assert "space" in text


def test_a_package_mirror_that_answers_404(lab, one, said, changed):
    file = lab.testbed("mirror-404", [one])
    text = said("up", "-t", changed(file, ("8080/core:/stable:", "8080/nowhere")))
    assert "404" in text
    assert "sources.apt" in text


def test_a_registry_that_is_gone(lab, one, said, changed):
    file = lab.testbed("registry-gone", [one])
    text = said("up", "-t", changed(file, (":5000", ":5999")))
    assert "registry" in text
    assert "sources.registries" in text


def test_two_machines_with_one_name(lab, said, changed, capsys, note_said):
    # new ones: what an earlier test left on a machine is told too
    one, other = lab.fresh(49, 50)
    one.ssh("hostname twin; echo twin >/etc/hostname")
    other.ssh("hostname twin; echo twin >/etc/hostname")
    assert main(["doctor", "-t", str(lab.testbed("twins", [one, other]))]) == 0
    shown = capsys.readouterr().out
    note_said("doctor ... (two machines called twin)", shown)
    assert "twin" in shown
    # in the testbed's file it is an error before anything is touched
    file = lab.testbed("one-name", [one, other])
    text = said("up", "-t", changed(file, ("pi-50", "pi-49")), code=2)
    assert "names must differ" in text


def test_a_worker_whose_clock_is_a_year_behind(lab, one, said):
    other = lab.fresh(51)[0]
    lab.set_clock(other, "-1y")
    text = said("up", "-t", lab.testbed("year", [one, other]))
    assert "pi-51" in text
    assert "clock" in text
