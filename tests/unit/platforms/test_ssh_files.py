"""A file of ssh's in testbed.yml means one file: to us, to OpenSSH and to Ansible."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fogbed.clients.channel import Channel, in_any_shell
from fogbed.platforms.pi.reach.host_keys import known_hosts_file
from fogbed.platforms.pi.reach.ssh import located, ssh_options
from fogbed.spec.testbed import Ssh


def asked(options, key):
    """Return what OpenSSH itself makes of its options."""
    argv = ["ssh", "-G", "-F", "none", *options, "fog@192.0.2.1"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30)
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    return [value for name, _, value in lines if name == key]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh (package openssh-client)")
@pytest.mark.parametrize("name", ["plain", "with space", "100%", "é'\"", "back\\slash"])
def test_home_is_what_home_says_in_any_spelling(tmp_path, monkeypatch, name):
    home = tmp_path / name
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    ssh = Ssh(user="fog", key="~/.ssh/id", known_hosts="~/lab hosts")
    assert located(ssh).key == str(home / ".ssh" / "id")
    assert located(located(ssh)) == located(ssh)
    assert known_hosts_file(ssh) == home / "lab hosts"
    options = ssh_options(ssh)
    # -G shows %% as it was given: it is read when a connection is made
    doubled = str(home).replace("%", "%%")
    assert asked(options, "identityfile") == [f"{doubled}/.ssh/id"]
    assert asked(options, "userknownhostsfile") == [f"{home}/lab hosts"]


WORDS = [
    "printf",
    "[%s]\\n",
    "a  b",
    "it's",
    '"$HOME"',
    "two\nlines",
    "\\\\",
    "!x",
    "=y",
    "%z",
    "é",
]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh", "csh"])
def test_words_arrive_in_any_login_shell(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    argv = [shell, "-c", f"echo begins; {in_any_shell(WORDS)}"]
    done = subprocess.run(argv, check=True, capture_output=True, timeout=30)
    said = done.stdout.decode()
    assert said == "begins\n" + "".join(f"[{word}]\n" for word in WORDS[2:])


def test_what_a_login_shell_says_first_is_not_the_programs():
    greeting = ("sh", "-c", 'echo Welcome to pico; eval "$1"', "sh")
    channel = Channel("n", greeting, is_shell=True, through=("env", "A=1"))
    found = channel.run(["sh", "-c", 'echo "$A"; cat; exit 3'], timeout_s=30, stdin="typed\n")
    assert (found.returncode, found.stdout) == (3, "1\ntyped\n")
    assert channel.run(["true"], timeout_s=30).stdout == ""


def test_nor_is_it_where_the_program_is_talked_to():
    greeting = ("sh", "-c", 'printf "Welcome to pico\\n> "; eval "$1"', "sh")
    channel = Channel("n", greeting, is_shell=True)
    with channel.open(["sh", "-c", "read line; echo $line; cat; exit 3"]) as program:
        program.stdin.write(b"typed\n")
        program.stdin.flush()
        assert program.stdout.readline() == b"typed\n", "at once, not when the program ends"
        program.stdin.write(b"more\nthan that")
        program.stdin.close()
        assert program.stdout.read() == b"more\nthan that"
    assert program.returncode == 3


def test_what_a_shell_says_that_never_begins_is_handed_on():
    barred = ("sh", "-c", "echo not; printf available; exit 1", "sh")
    with Channel("n", barred, is_shell=True).open(["true"]) as program:
        assert program.stdout.readlines() == [b"not\n", b"available"]
