"""A lock belongs to a process; what it leaves behind for a moment when it is killed is no lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from fogbed.locks import take_lock

# holds the lock, and has a child that is as one between fork and exec: it has the descriptor too
HOLDER = """\
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
child = os.fork()
if child == 0:
    os.read(0, 1)  # lives until its input ends
    os._exit(0)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, **pipes) as program:
        assert program.stdout.readline() == "held\n"
        yield program
        program.kill()


@pytest.fixture
def descriptor(tmp_path):
    opened = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def test_a_lock_is_taken_once(tmp_path, descriptor):
    assert take_lock(descriptor)
    other = os.open(tmp_path / "lock", os.O_RDWR)
    assert not take_lock(other)
    os.close(other)


def test_a_living_holder_is_not_waited_for(holder, descriptor):
    assert not take_lock(descriptor)
    # stopped by Ctrl-Z it lives, too
    os.kill(holder.pid, signal.SIGSTOP)
    assert not take_lock(descriptor)


@pytest.mark.parametrize("is_reaped", [True, False])
def test_what_a_killed_holder_left_to_its_child_is_waited_out(holder, descriptor, is_reaped):
    holder.kill()
    if is_reaped:
        holder.wait()
    else:
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    began = time.monotonic()
    end_child = subprocess.Popen(["sh", "-c", "sleep 0.3"], stdin=holder.stdin, pass_fds=())
    holder.stdin.close()
    with end_child:
        assert take_lock(descriptor)
    assert time.monotonic() - began >= 0.3
