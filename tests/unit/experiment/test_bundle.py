from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fogbed.errors import UsageError
from fogbed.experiment.record.bundle import EVENTS, Bundle, create, find_run, list_runs
from fogbed.experiment.sampling.metric_names import METRICS, split_pair


@pytest.fixture
def bundle(tmp_path: Path, example: Bundle) -> Bundle:
    return Bundle(Path(shutil.copytree(example.folder, tmp_path / example.name)))


def test_the_example_speaks_only_documented_names(bundle: Bundle) -> None:
    assert set(bundle.samples()["name"]) <= set(METRICS)
    assert {line["event"] for line in bundle.journal()} <= set(EVENTS)


def test_samples_of_a_name_come_in_order_of_time(bundle: Bundle) -> None:
    rtt = bundle.samples(["rtt_ms"])
    assert set(rtt["name"]) == {"rtt_ms"}
    assert rtt["time"].is_monotonic_increasing
    assert split_pair(rtt["node"][0]) == ("cloud-1", "fog-1")


def test_a_killed_run_is_readable(bundle: Bundle) -> None:
    with bundle.journal_file.open("a", encoding="utf-8") as file:
        file.write('{"event": "acti')
    bundle.verdict_file.unlink()
    assert bundle.journal()[-1]["event"] == "run-ended"
    assert bundle.verdict() == {}


def test_an_empty_bundle_has_empty_samples_with_columns(tmp_path: Path) -> None:
    assert list(Bundle(tmp_path).samples().columns) == [
        "time", "name", "operator", "subtask", "node", "value",
    ]  # fmt: skip


def test_runs_are_found_by_name_beginning_and_last(bundle: Bundle) -> None:
    runs = bundle.folder.parent
    assert list_runs(runs) == [bundle]
    for name in (bundle.name, "20261121", "last", str(bundle.folder)):
        assert find_run(runs, name).folder == bundle.folder


def test_an_unknown_run_is_answered_with_those_there_are(bundle: Bundle) -> None:
    with pytest.raises(UsageError) as error:
        find_run(bundle.folder.parent, "nope")
    with pytest.raises(UsageError, match="its name is empty"):
        find_run(bundle.folder.parent, "")
    assert error.value.hint == f"runs here: {bundle.name}"


def test_the_page_on_metrics_lists_them_all() -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    _, _, after = page.read_text(encoding="utf-8").partition("| name | unit | of | what |\n")
    rows = [line.split(" | ") for line in after.partition("\n\n")[0].splitlines()[1:]]
    listed = {row[0].strip("| `"): row[1] for row in rows}
    assert listed == {metric.name: metric.unit for metric in METRICS.values()}


def test_runs_of_one_name_in_one_second_have_a_folder_each(tmp_path: Path) -> None:
    made = [create(tmp_path / "runs", "20261129T060000Z-demo") for _ in range(3)]
    assert [bundle.name for bundle in made] == [
        "20261129T060000Z-demo",
        "20261129T060000Z-demo-2",
        "20261129T060000Z-demo-3",
    ]
    assert all(bundle.output_folder.is_dir() for bundle in made)
