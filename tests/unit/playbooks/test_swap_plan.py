"""Who sets swap up, and what turns it off: one case per mechanism."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins import cases, load

swap = load("filter_plugins/swap_plan.py")
CASES = cases("swap")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mechanism_is_turned_off_by_these_files_and_units(case):
    texts = case["files"]
    changes = swap.swap_writes(texts)
    assert changes == case["changes"]
    assert swap.swap_masks(texts, case.get("units", [])) == case["masks"]
    assert swap.swap_files(texts) == case["removed"]
    assert swap.swap_devices(texts.get("/proc/swaps")) == case["live"]
    assert swap.swap_writes(texts | changes) == {}


row = st.sampled_from(
    ["/a none swap sw 0 0", "/b / ext4 x 0 1", "# /c none swap sw", "", "\t/d x swap"]
)


@given(st.lists(row), st.booleans())
def test_an_fstab_keeps_every_other_line(rows, ends):
    text = "\n".join(rows) + "\n" * ends
    new = swap.fstab_without_swap(text)
    assert swap.fstab_without_swap(new) == new
    assert not any(swap._is_swap(line) for line in new.splitlines())
    assert new.replace(swap.FSTAB_MARK, "") == text
