"""cmdline.txt and config.txt: cases from the images, and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins import cases, load

boot = load("filter_plugins/boot_config.py")
CASES = cases("boot")
word = st.from_regex(r'[a-z_.]{1,8}(=[a-z0-9,]{1,6}|="[a-z0-9 ]{0,6}")?', fullmatch=True)
memory = st.sampled_from(
    ["cgroup_enable=memory", "cgroup_disable=memory", "cgroup_disable=memory,pids", "cgroup_x=1"]
)
lines = st.lists(st.one_of(word, memory, st.just("--")), max_size=12)


def read(case):
    """What the role reads: the named file only if config.txt names it."""
    named = boot.boot_other_cmdline(case["files"].get("/boot/firmware/config.txt"))
    known = {*boot.CMDLINES, *boot.CONFIGS, *named, "/proc/mounts"}
    known.add("/sys/fs/cgroup/cgroup.controllers")
    return {path: case["files"].get(path) for path in known}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_changes_these_files_and_no_other(case):
    texts = read(case)
    changes = boot.boot_changes(texts, case.get("settings") or {})
    assert changes == case["changes"]
    assert boot.boot_memory(texts) is case["memory"]
    assert boot.boot_unclear(texts) == case.get("unclear", [])
    assert boot.boot_changes(texts | changes, case.get("settings") or {}) == {}


rest = st.sampled_from(
    ["", "\n", "\r\n", "\n\n", "\nroot=b init=/bin/sh", "\n#root=b\n", "\0root=b"]
)


@given(lines, st.sampled_from([" ", "  ", "\t"]), rest)
def test_a_command_line_is_its_first_line_with_memory_on_and_all_else_in_order(words, gap, more):
    new = boot.boot_cmdline(gap.join(words) + more)
    assert boot.boot_cmdline(new) == new
    assert new.count("\n") == 1
    assert new.endswith("\n")
    after = boot._words(new)
    kernel = after[: after.index("--")] if "--" in after else after
    assert "cgroup_enable=memory" in kernel
    assert not any("memory" in (boot._controllers(w, "cgroup_disable") or ()) for w in after)
    plain = [w for w in words if not w.startswith("cgroup_")]
    assert [w for w in after if not w.startswith("cgroup_")] == plain


settings = st.dictionaries(st.sampled_from(["gpu_mem", "kernel", "arm_64bit"]), st.integers(0, 99))


config_rows = st.lists(st.sampled_from(["a=1", "[pi4]", "[all]", "# note", "b=\x0c\x85", ""]))


@given(config_rows, st.sampled_from(["\n", "\r\n"]), settings, settings)
def test_config_txt_takes_settings_leaves_them_and_comes_back(rows, end, first, second):
    text = "".join(f"{row}{end}" for row in rows)
    once = boot.boot_config(text, first)
    assert boot.boot_config(once, first) == once
    assert boot.boot_config(boot.boot_config(once, second), first) == once
    assert boot.boot_config(once, {}) == text


def test_without_settings_config_txt_is_left_to_the_byte():
    assert boot.boot_config("a=1\r\nb=2", {}) == "a=1\r\nb=2"


def test_every_other_byte_of_config_txt_stays():
    text = boot.boot_config("a=1\r\nb=\x0c2", {"gpu_mem": 16})
    assert text == "a=1\r\nb=\x0c2\r\n# BEGIN fogbed\r\n[all]\r\ngpu_mem=16\r\n# END fogbed\r\n"


def test_a_block_without_its_end_is_replaced_up_to_the_next_blank_line():
    text = "a=1\n# BEGIN fogbed\n[all]\ngpu_mem=16\n\nb=2\n"
    assert boot.boot_config(text, {}) == "a=1\n\nb=2\n"
