"""What a computer lacks, in exact words: they are what a newcomer reads first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fogbed.platforms import preflight


@pytest.fixture
def no_namespaces(tmp_path, monkeypatch):
    """A kernel that refuses: `unshare` fails, as it does without the privilege."""
    program = tmp_path / "bin" / "unshare"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    settings = tmp_path / "proc_sys"
    (settings / "kernel").mkdir(parents=True)
    (settings / "user").mkdir()
    return settings


def test_ubuntus_restriction_comes_with_three_ways_out_the_narrowest_first(no_namespaces):
    (no_namespaces / preflight.RESTRICTION).write_text("1\n", encoding="ascii")
    check = preflight.check_namespaces(no_namespaces)
    assert (check.ok, check.blocks) == (False, True)
    assert check.found == (
        "AppArmor forbids them to unprivileged programs (Ubuntu 23.10 and newer)"
    )
    program = os.path.realpath(sys.executable)
    assert check.fix == (
        "1. Run as root; the files will be yours:\n"
        "     sudo make demo\n"
        "2. Allow it, for good, to this checkout's interpreter only. Write this profile to\n"
        "   /etc/apparmor.d/fogbed (`fogbed doctor --apparmor-profile` prints it):\n"
        "     abi <abi/4.0>,\n"
        "     include <tunables/global>\n"
        f'     profile fogbed "{program}" flags=(unconfined) {{\n'
        "       userns,\n"
        "       include if exists <local/fogbed>\n"
        "     }\n"
        "   and load it:\n"
        "     sudo apparmor_parser -r /etc/apparmor.d/fogbed\n"
        "3. Allow it to every program of this computer, until it is started again:\n"
        "     sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    )


@pytest.mark.parametrize(
    ("setting", "found", "fix"),
    [
        (
            "kernel/unprivileged_userns_clone",
            "the kernel forbids them to ordinary users",
            "sudo make demo\nor, for good: sudo sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            "user/max_user_namespaces",
            "the kernel allows no user namespace (user.max_user_namespaces is 0)",
            "sudo make demo\nor, for good: sudo sysctl user.max_user_namespaces=15000",
        ),
    ],
)
def test_a_kernel_that_forbids_them(no_namespaces, setting, found, fix):
    (no_namespaces / setting).write_text("0\n", encoding="ascii")
    check = preflight.check_namespaces(no_namespaces)
    assert (check.ok, check.found, check.fix) == (False, found, fix)


def test_a_container_without_the_capability(no_namespaces):
    check = preflight.check_namespaces(no_namespaces)
    assert check.fix == (
        "sudo make demo\n"
        "In a container: start it with --privileged (it needs CAP_SYS_ADMIN and CAP_NET_ADMIN)."
    )


def test_other_systems_are_sent_to_kind(monkeypatch, tmp_path):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    (check,) = preflight.run_checks(place=tmp_path)
    assert check.fix == (
        "The laptop platform needs Linux namespaces. Use a Linux machine or virtual machine;\n"
        "on other systems platform kind (Kubernetes in containers) is the way: docs/kind.md."
    )


def test_little_memory_is_told_but_does_not_block(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4000000 kB\nMemAvailable: 1048576 kB\n", encoding="ascii")
    check = preflight.check_memory(meminfo)
    assert (check.ok, check.blocks, check.found) == (False, False, "1.0 GB available")


def test_it_runs_by_the_systems_python_before_any_install():
    program = Path(preflight.__file__)
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, "--json"], check=False, capture_output=True, text=True
    )
    assert done.returncode in (0, 1)
    assert '"name": "namespaces"' in done.stdout
