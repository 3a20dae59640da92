"""Another kind of job: a value in the table of jobs, and every part of fogbed knows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from fogbed.errors import SpecError
from fogbed.experiment.checks import check_experiment
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.experiment.report.page import write_report
from fogbed.experiment.workloads.flink import request_of
from fogbed.plan.job import parse_arguments, program_arguments, request_problems
from fogbed.plan.slots import slot_groups
from fogbed.platforms.measuring import Sample
from fogbed.spec import json_schema
from fogbed.spec.job_description import ChartRoles, JobDescription, JobMetric, JobOperator
from fogbed.spec.jobs import JOBS
from fogbed.stream_job.flink.build import jar_path
from fogbed.stream_job.shared_folders import SharedFolders

if TYPE_CHECKING:
    from pathlib import Path


def metric(name: str, flink: str, kind: Literal["counter", "gauge"], operator: str) -> JobMetric:
    return JobMetric(
        name=name,
        flink=flink,
        kind=kind,
        unit="words/s" if kind == "counter" else "words",
        over_subtasks="sum",
        operator=operator,
        meaning="what it says",
    )


WORDS = JobDescription(
    name="word-count",
    operators=(
        JobOperator("lines", "source"),
        JobOperator("split", "transformation"),
        JobOperator("totals", "sink"),
    ),
    entry_class="toy.WordCount",
    jar="word-count.jar",
    metrics=(
        metric("words_in_per_s", "wordsIn", "counter", "totals"),
        metric("words_out_per_s", "wordsOut", "counter", "lines"),
        metric("backlog_words", "backlogWords", "gauge", "lines"),
    ),
    charts=ChartRoles(
        entered="words_in_per_s", left="words_out_per_s", backlog="backlog_words", unit="words"
    ),
    oracle=None,
)
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: words
testbed: testbed.yml
profile: profile.yml
workload:
  job: word-count
  rides: nyc-sample
  replay: {rate: 1000/s, loop: true}
  parallelism: {split: 2}
  placement: {lines: {tier: edge}, split: {tier: fog}}
  sink: files
phases: {warmup: 1min, measure: 8min, cooldown: 1min}
scenario:
  - {at: 4min, do: rescale, operator: split, parallelism: 3}
assert:
  - {metric: words_in_per_s, stat: p50, min: 400}
"""


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, WORDS.name, WORDS)


class WordRate:
    """What a sampler would read of the job."""

    name = "the job"

    def read(self, time: float) -> list[Sample]:
        rates = {"split": 450.0, "totals": 440.0}
        return [Sample(time, "words_in_per_s", op, 0, "fog-1", rate) for op, rate in rates.items()]


def problems_of(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        check_experiment(path)
    return [f"{each.path}: {each.what}; {each.way_out}" for each in caught.value.problems]


def test_its_operators_and_metrics_are_the_ones_a_file_may_name(laboratory: Any) -> None:
    wrong = (
        EXPERIMENT.replace("{split: 2}", "{nearest: 2}")
        .replace("lines: {tier", "line: {tier")
        .replace("operator: split", "operator: splt")
        .replace("words_in", "rides_in")
        .replace("sink: files", "sink: files\n  chaining: true")
    )
    path = laboratory.folder / "words.yml"
    path.write_text(f"{wrong}  - {{output: complete}}\n", encoding="utf-8")
    assert sorted(problems_of(path)) == [
        "assert[0].metric: there is no metric rides_in_per_s; did you mean words_in_per_s?",
        (
            "assert[1].output: nothing but the job itself computes what word-count answers;"
            " leave this assertion out"
        ),
        "scenario[0].operator: 'splt' is not allowed here; did you mean split?",
        "workload.parallelism.nearest: unknown key; write lines, split or totals",
        "workload.placement.line: unknown key; did you mean lines?",
    ]


def test_its_slots_are_counted_before_anything_is_touched(laboratory: Any) -> None:
    path = laboratory.folder / "words.yml"
    path.write_text(EXPERIMENT.replace("parallelism: 3", "parallelism: 4"), encoding="utf-8")
    assert problems_of(path) == [
        (
            "scenario[0].parallelism: split, totals need 4 slots on tier fog, where there are 3;"
            " write less, or more slots in the testbed"
        )
    ]


def test_the_schema_names_its_operators_too() -> None:
    workload = json_schema("experiment", REPERTOIRE)["$defs"]["Workload"]["properties"]
    assert workload["job"]["enum"] == ["nearest-landmark", "word-count"]
    assert {"lines", "split", "totals"} < set(workload["placement"]["properties"])


def test_its_request_is_planned_and_read_back(laboratory: Any, tmp_path: Path) -> None:
    workload = laboratory.resolve(EXPERIMENT).experiment.workload
    assert workload.parallelism == {"lines": 1, "split": 2, "totals": 1}
    request = request_of(workload, SharedFolders(), name="experiment words", run=tmp_path, seed=0)
    groups = slot_groups(request.parallelism, request.placement)
    assert [group.operators for group in groups] == [("lines",), ("split", "totals")]
    words = program_arguments(request, {})
    given = {key[2:]: value for key, value in zip(words[::2], words[1::2], strict=True)}
    read_back = parse_arguments(given)
    assert (read_back.job, read_back.parallelism) == (WORDS, request.parallelism)
    assert read_back.placement == request.placement
    assert jar_path(read_back.job).name == "word-count.jar"
    too_wide = replace(request, parallelism={"lines": 9, "split": 1, "totals": 1}, splits=8)
    assert request_problems(too_wide) == ["parallelism of lines is 9, but the words are in 8 parts"]


def test_a_run_judges_it_and_its_report_draws_it(laboratory: Any) -> None:
    laboratory.workload.sources = lambda: [WordRate()]
    result = laboratory.run(EXPERIMENT)
    bundle = laboratory.bundle()
    verdict = bundle.verdict()
    assert verdict["status"] == "passed", (result, verdict)
    (judged,) = verdict["assertions"]
    assert judged["title"] == "words_in_per_s of totals, p50 over measure, at least 400"
    assert judged["value"] == 440.0
    figures = {figure["name"]: figure for figure in verdict["figures"]}
    assert figures["throughput"]["unit"] == "words/s"
    assert figures["throughput"]["detail"] == "at totals, median of measure"
    # nothing computes its answers again, so nothing is compared
    assert bundle.completeness() == {}
    page = write_report(bundle.folder).read_text(encoding="utf-8")
    assert "Words/s through each operator." in page
    assert ">totals</text>" in page
