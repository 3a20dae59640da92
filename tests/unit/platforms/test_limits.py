"""Limits of a node: where control groups may be made, and what is said where they may not."""

from __future__ import annotations

import os

import pytest

from fogbed.plan.local_processes import LocalNode
from fogbed.platforms.local.limits import limit_node

NODE = LocalNode(name="edge-1", tier="edge", address="10.77.1.2", cores=0.5, memory=640 * 2**20)


@pytest.fixture
def version_1(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "memory" / "box").mkdir(parents=True)
    mounts = (
        f"cgroup {tmp_path}/cpu cgroup rw,relatime,cpu,cpuacct 0 0\n"
        f"cgroup {tmp_path}/memory cgroup rw,relatime,memory 0 0\n"
    )
    return tmp_path, mounts, "2:cpu,cpuacct:/\n1:memory:/box\n"


@pytest.fixture
def version_2(tmp_path):
    own = tmp_path / "user.slice" / "app.slice" / "terminal.scope"
    own.mkdir(parents=True)
    for folder in (own, own.parent):
        (folder / "cgroup.controllers").write_text("cpu memory pids\n", encoding="ascii")
    return own, f"cgroup2 {tmp_path} cgroup2 rw 0 0\n", "0::/user.slice/app.slice/terminal.scope\n"


def test_version_1_has_a_group_in_each_controllers_tree(version_1):
    root, mounts, own = version_1
    limits = limit_node("fogbed-bench", NODE, 0, mounts=mounts, own=own)
    cpu, memory = root / "cpu/fogbed-bench/edge-1", root / "memory/box/fogbed-bench/edge-1"
    assert limits.groups == [cpu, memory]
    assert (cpu / "cpu.cfs_quota_us").read_text() == "50000"
    assert (memory / "memory.limit_in_bytes").read_text() == str(640 * 2**20)
    assert limits.said == "0.5 cores (cgroup v1), 640m (cgroup v1)"


def test_version_2_has_one_group_for_both(version_2):
    own, mounts, mine = version_2
    # no process may be in a group that passes controllers on: ours is passed over
    (own / "cgroup.subtree_control").mkdir()
    limits = limit_node("fogbed-bench", NODE, 0, mounts=mounts, own=mine)
    group = own.parent / "fogbed-bench" / "edge-1"
    assert limits.groups == [group]
    assert (group / "cpu.max").read_text() == "50000 100000"
    assert (group / "memory.max").read_text() == str(640 * 2**20)
    assert limits.said == "0.5 cores (cgroup v2), 640m (cgroup v2)"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_without_control_groups_what_cannot_be_held_is_said():
    limits = limit_node("fogbed-bench", NODE, 0, mounts="tmpfs / tmpfs rw 0 0\n", own="0::/\n")
    assert limits.groups == []
    assert len(limits.cpus) == 1
    assert limits.said == (
        "0.5 cores (by CPU affinity, in whole CPUs: 1), "
        "640m (by the JVM's own limits; not enforced)"
    )


def test_as_many_cores_as_there_are_bind_nothing():
    count = len(os.sched_getaffinity(0))
    node = LocalNode(name="a", tier="edge", address="", cores=float(count), memory=None)
    limits = limit_node("fogbed-bench", node, 0, mounts="tmpfs / tmpfs rw 0 0\n", own="0::/\n")
    assert not limits.cpus
    assert f"not enforced: this computer has {count}" in limits.said


def test_a_node_without_limits_needs_nothing():
    limits = limit_node(
        "fogbed-bench", LocalNode(name="a", tier="edge", address="", cores=None, memory=None), 0
    )
    assert (limits.groups, limits.cpus, limits.said) == ([], frozenset(), "")
