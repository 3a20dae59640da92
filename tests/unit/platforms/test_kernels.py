"""What kernels have for emulating networks: as a node's files tell it, and as doctor says it."""

from __future__ import annotations

import gzip
import sys

import pytest

from fogbed.clients.channel import Channel
from fogbed.platforms.kubernetes.kernel_probe import look
from fogbed.platforms.kubernetes.kernels import MODULES, check_kernels

RELEASE = "6.12.0-test"


@pytest.fixture
def node(tmp_path):
    """A node's root, to which files are given."""

    def written(**files):
        for path, content in files.items():
            place = tmp_path / path.replace("__", "/").replace("RELEASE", RELEASE)
            place.parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            place.write_bytes(data)
        return tmp_path

    return written


def test_a_module_is_loaded_built_in_there_or_missing(node):
    root = node(
        proc__modules="sch_netem 28672 0 - Live 0x0000000000000000\n",
        **{
            "lib/modules/RELEASE/modules.builtin": "kernel/net/sched/sch_htb.ko\n",
            "lib/modules/RELEASE/modules.dep": (
                "kernel/net/sched/cls_u32.ko.xz:\nkernel/net/sched/cls-flower.ko: a.ko\n"
            ),
        },
    )
    assert look(list(MODULES), root, RELEASE) == {
        "sch_netem": "loaded",
        "sch_htb": "built in",
        "cls_u32": "there",
        "cls_flower": "there",
        "ifb": "missing",
    }


def test_without_its_files_a_module_that_is_not_loaded_is_unknown(node):
    root = node(proc__modules="", sys__module__sch_htb__x="")
    found = look(["sch_htb", "ifb"], root, RELEASE)
    assert found == {"sch_htb": "built in", "ifb": "unknown"}


def test_the_kernels_configuration_tells_what_it_cannot_have(node):
    config = gzip.compress(b"CONFIG_NET_SCH_NETEM=y\nCONFIG_NET_CLS_U32=m\n# CONFIG_IFB is\n")
    root = node(**{"proc/config.gz": config})
    found = look(["sch_netem", "cls_u32", "ifb"], root, RELEASE)
    assert found == {"sch_netem": "built in", "cls_u32": "unknown", "ifb": "missing"}


def test_a_check_for_each_node_says_all_modules_and_never_fails():
    channels = {
        "edge-1": Channel(node="edge-1", prefix=(), python=sys.executable),
        "edge-2": Channel(node="edge-2", prefix=("false",)),
    }
    first, second = check_kernels(channels)
    assert first.ok
    assert not first.blocks
    assert first.found.startswith("edge-1: ")
    assert all(name in first.found for name in MODULES)
    assert second.ok
    assert second.found == "edge-2: its agent does not say what it has for emulating networks"


def test_no_agents_no_checks():
    assert check_kernels({}) == []
