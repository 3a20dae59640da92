"""The page a run hands back: complete in itself, and honest about runs that were cut short."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fogbed.experiment.record.bundle import Bundle, write_json
from fogbed.experiment.report.page import write_report


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory, example: Bundle) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("complete") / example.name
    return _page(Bundle(Path(shutil.copytree(example.folder, folder))))


@pytest.fixture
def bundle(tmp_path: Path, example: Bundle) -> Bundle:
    """One without samples: its page has all but the charts, which take a second to draw."""
    folder = tmp_path / example.name
    shutil.copytree(example.folder, folder, ignore=shutil.ignore_patterns("samples-*"))
    return Bundle(folder)


class _Balanced(HTMLParser):
    _VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        del tag, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _page(bundle: Bundle) -> tuple[str, str]:
    page = write_report(bundle.folder).read_text(encoding="utf-8")
    parser = _Balanced()
    parser.feed(page)
    assert parser.open == []
    return page, re.sub(r"\s+", " ", " ".join(parser.text))


def test_a_complete_run_shows_verdict_figures_actions_places_and_matrices(
    complete: tuple[str, str],
) -> None:
    page, text = complete
    assert "Passed 3 of 3 assertions hold." in text
    for title in (
        "Throughput",
        "End-to-end latency",
        "Backlog",
        "Busy and backpressured",
        "Round-trip time, asked and measured",
        "Processor time",
    ):
        assert f"<h3>{title}</h3>" in page
    assert text.count("within tolerance") == 4
    assert "rescale nearest to 2" in text
    assert "first arrival 0.91, backlog gone 1.10; results were silent for 0.71 s" in text
    assert "from 43.1 s" in text
    assert "fogbed experiment run example.yml" in text
    assert "kind: Experiment" in text


def test_the_page_needs_nothing_from_outside(complete: tuple[str, str]) -> None:
    page, _ = complete
    fetched = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)["']""", page)
    assert fetched == []
    assert "@import" not in page


def test_colours_are_the_pages_own(complete: tuple[str, str]) -> None:
    page, _ = complete
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--series-1)" in drawings
    assert not re.findall(r"#(?:c0000\d|101112|a1a2a3|e1e2e3)", drawings)


def test_a_run_killed_before_the_first_ride_still_has_a_page(bundle: Bundle) -> None:
    bundle.verdict_file.unlink()
    first = bundle.journal_file.read_text(encoding="utf-8").splitlines()[0]
    bundle.journal_file.write_text(first + '\n{"event": "cut o', encoding="utf-8")
    page, text = _page(bundle)
    assert "Not finished" in text
    assert "<svg" not in page


def test_an_error_is_shown_with_its_way_out_and_nothing_of_it_is_markup(bundle: Bundle) -> None:
    verdict = bundle.verdict() | {
        "status": "error",
        "ok": False,
        "error": {"message": "no <b>slot</b>", "hint": "add slots", "details": "free: 0"},
    }
    write_json(bundle.verdict_file, verdict)
    page, text = _page(bundle)
    assert "Did not run to its end" in text
    assert "no &lt;b&gt;slot&lt;/b&gt;" in page
    assert "add slots" in text
    assert "free: 0" in text


def test_pairs_out_of_tolerance_are_marked(bundle: Bundle) -> None:
    path = min(bundle.network_folder.glob("*.json"))
    matrix = json.loads(path.read_text(encoding="utf-8"))
    matrix["within"][0][1] = False
    matrix["ok"] = False
    write_json(path, matrix)
    page, text = _page(bundle)
    assert page.count('class="out"') == 1
    assert "out of tolerance" in text


def test_a_pair_with_jitter_says_how_wide_its_round_trips_were(bundle: Bundle) -> None:
    path = min(bundle.network_folder.glob("*.json"))
    matrix = json.loads(path.read_text(encoding="utf-8"))
    nodes = range(len(matrix["nodes"]))
    for name, value in (
        ("expected_spread_ms", 16.0),
        ("rtt_spread_ms", 15.5),
        ("allowed_spread_error_ms", 2.75),
    ):
        matrix[name] = [[value if (i, j) == (0, 1) else None for j in nodes] for i in nodes]
    write_json(path, matrix)
    page, _ = _page(bundle)
    spread = "spread (p10 to p90) expected 16.0 ms, measured 15.5 ms, 2.75 ms apart allowed"
    assert page.count(spread) == 1


def test_a_matrix_says_what_was_allowed_and_why(bundle: Bundle) -> None:
    page, text = _page(bundle)
    why = "(3 % or 1.00 ms, and what chance does to the sample)"
    shown = re.findall(r"; a median may be off by ([^(]*) \(", text)
    assert why in text
    assert shown[0] == "1.25 to 1.76 ms, depending on the pair"
    assert "error 0.11 ms of 1.25 ms allowed, 60 probes" in page


def test_alerts_that_fired_are_marked_and_listed(tmp_path: Path, example: Bundle) -> None:
    bundle = Bundle(Path(shutil.copytree(example.folder, tmp_path / example.name)))
    origin = next(event["origin"] for event in bundle.events("first-ride"))
    labels = {"node": "<fog-1>", "severity": "warning"}
    spans = [(-30.0, -10.0), (-5.0, 2.0), (10.0, 14.0)]
    fired = [
        {"name": "Throttled", "labels": labels, "from": origin + a, "to": origin + b}
        for a, b in spans
    ]
    late = {"name": "DiskFull", "labels": {}, "from": origin + 12, "to": origin + 13}
    write_json(bundle.alerts_file, {"alerts": [*fired, late]})
    page, text = _page(bundle)
    assert "a Throttled node <fog-1>, severity warning 0 to 2 s, 10 to 14 s" in text
    assert "b DiskFull 12 to 13 s" in text
    # every chart has them
    assert page.count(">a</text>") == 2 * page.count(">b</text>") > 0
