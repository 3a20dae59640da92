"""The picture of every pair's error: what is drawn, and in the report of a large testbed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fogbed.experiment.record.bundle import Bundle, write_json
from fogbed.experiment.report.heat_map import HeatMap, heat_map_svg, save_heat_map
from fogbed.experiment.report.page import write_report


def heat(count: int = 60) -> HeatMap:
    """Return a map whose worst pair is n1 to n2, and one pair of which nothing is known."""
    error = np.full((count, count), 0.1)
    np.fill_diagonal(error, np.nan)
    error[1, 2], error[2, 0] = -3.0, np.nan
    allowed = np.full((count, count), 1.0)
    allowed[0, 1], error[0, 1] = 10.0, 5.0  # larger, and half of what is allowed
    nodes = [f"n{number}" for number in range(count)]
    return HeatMap(title="testbed t", nodes=nodes, error_ms=error, allowed_ms=allowed)


@pytest.mark.parametrize("count", [3, 60])
def test_the_worst_pair_is_named_and_every_node_is(count: int) -> None:
    drawn = heat_map_svg(heat(count))
    assert "worst: n1 to n2, -3.00 ms (1.00 ms allowed)" in drawn
    assert all(f">n{number}<" in drawn for number in range(count))
    assert (">-3.00<" in drawn) is (count == 3)  # few have their figures


def test_it_is_drawn_in_the_form_that_the_file_asks_for(tmp_path: Path) -> None:
    for suffix, head in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        save_heat_map(heat(), tmp_path / f"errors{suffix}")
        assert (tmp_path / f"errors{suffix}").read_bytes().startswith(head)


def test_nothing_that_came_back_is_said() -> None:
    nothing = np.full((2, 2), np.nan)
    empty = HeatMap(title="t", nodes=("a", "b"), error_ms=nothing, allowed_ms=nothing)
    assert empty.worst is None
    assert "nothing came back" in heat_map_svg(empty)


def larger(matrix: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a state of ``count`` nodes: every matrix has its first pair's figure everywhere."""

    def fill(rows: Any) -> list[list[Any]]:
        cell = rows[0][1]
        return [[None if i == j else cell for j in range(count)] for i in range(count)]

    nodes = [f"edge-{number}" for number in range(count)]
    full = {key: fill(value) if isinstance(value, list) and value else value for key, value in matrix.items()}  # fmt: skip  # noqa: E501
    return {**full, "nodes": nodes}


def test_a_large_testbed_has_it_in_the_report_beside_the_worst_pairs(
    tmp_path: Path, example: Bundle
) -> None:
    folder = tmp_path / example.name
    shutil.copytree(example.folder, folder, ignore=shutil.ignore_patterns("samples-*"))
    bundle = Bundle(folder)
    assert "<svg" not in write_report(folder).read_text(encoding="utf-8")
    state = next(iter(sorted(bundle.network_folder.glob("*.json"))))
    write_json(state, larger(json.loads(state.read_text(encoding="utf-8")), 20))
    page = write_report(folder).read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "RTT, p50 less expected; worst: " in page
