from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import spec
from fogbed.errors import SpecError
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.spec.trace_file import MAX_PROBLEMS, TraceContent, read_trace

PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: case
links:
  - {between: [edge, fog], trace: TRACE}
"""


def written(folder, text, name="some.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path):
    with pytest.raises(SpecError) as refused:
        read_trace(path, path.name)
    return [str(problem) for problem in refused.value.problems]


def test_csv_and_parquet_of_the_same_rows_are_the_same(tmp_path):
    columns = {"time_s": [0.0, 0.5, 2.0], "loss": [0.0, 0.25, 1.0], "rate_bps": [1e6, 2e6, 3e6]}
    pq.write_table(pa.table(columns), tmp_path / "some.parquet")
    text = (
        "\ufeff# measured somewhere\ntime_s, loss, rate_bps\n0,0,1e6\n\n0.5,.25,2000000\n2,1,3e6\n"
    )
    from_csv = read_trace(written(tmp_path, text), "some.csv")
    assert from_csv == read_trace(tmp_path / "some.parquet", "some.parquet")
    assert from_csv == TraceContent(
        times_s=(0.0, 0.5, 2.0), loss=(0.0, 0.25, 1.0), rate_bps=(1_000_000, 2_000_000, 3_000_000)
    )


def test_what_is_wrong_in_parquet_is_named_by_its_row(tmp_path):
    pq.write_table(
        pa.table({"time_s": [0.0, 1.0, 1.0], "delay_ms": [1.0, None, float("nan")]}),
        tmp_path / "some.parquet",
    )
    assert problems_of(tmp_path / "some.parquet") == [
        "some.parquet:2: delay_ms: is empty; write a number, or leave the row out",
        "some.parquet:3: delay_ms: nan is not a number; write one without a unit",
        "some.parquet:3: time_s: 1.0 is not after 1; let the time rise",
    ]


def test_what_is_no_trace_at_all_is_one_problem(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    assert problems_of(tmp_path / "bytes.csv") == [
        "bytes.csv:1: is not UTF-8 text; save it as CSV in UTF-8, or as .parquet"
    ]
    (problem,) = problems_of(written(tmp_path, "no table", "text.parquet"))
    assert problem.startswith("text.parquet:1: cannot be read: ")


def test_of_very_many_problems_the_first_are_told_and_how_many_are_left(tmp_path):
    rows = "".join(f"{number},-1\n" for number in range(MAX_PROBLEMS + 7))
    told = problems_of(written(tmp_path, f"time_s,delay_ms\n{rows}"))
    assert len(told) == MAX_PROBLEMS + 1
    assert told[-1].endswith("and 7 more like these")


@given(
    gaps=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    delays=st.lists(st.floats(0, 1e9), min_size=21, max_size=21),
    rates=st.none() | st.lists(st.integers(1, 10**12), min_size=21, max_size=21),
)
def test_what_is_written_reads_as_it_was(gaps, delays, rates, tmp_path_factory):
    times = [0.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    count = len(times)
    content = TraceContent(
        times_s=tuple(times),
        delay_ms=tuple(delays[:count]),
        rate_bps=None if rates is None else tuple(rates[:count]),
    )
    path = written(tmp_path_factory.mktemp("trace"), content.as_csv())
    assert read_trace(path, "some.csv") == content


def test_a_trace_is_looked_up_beside_its_profile_and_among_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    written(tmp_path, "time_s,delay_ms\n0,1\n1,2\n", "own.csv")
    for name, first in {"own.csv": 1.0, "traces/lte-drive.csv": None}.items():
        path = written(tmp_path, PROFILE.replace("TRACE", name), "profile.yml")
        (rule,) = spec.load_profile(path).links
        assert rule.trace is not None
        assert first is None or rule.trace.content.delay_ms[0] == first


def test_a_trace_in_an_action_is_read_from_beside_the_experiment(tmp_path):
    written(tmp_path, "time_s,loss\n0,0.1\n1,0.2\n", "own.csv")
    text = spec_of_an_experiment("own.csv")
    resolved = spec.resolve_experiment(written(tmp_path, text, "some.yml"), REPERTOIRE)
    (rule,) = resolved.experiment.scenario[0].links
    assert rule.trace.content.loss == (0.1, 0.2)
    path = written(tmp_path, spec_of_an_experiment("owm.csv"), "some.yml")
    with pytest.raises(SpecError, match=r"1 problem in .*some\.yml") as refused:
        spec.resolve_experiment(path, REPERTOIRE)
    assert "did you mean own.csv?" in (refused.value.details or "")


def spec_of_an_experiment(trace):
    return f"""\
apiVersion: fogbed/v1
kind: Experiment
name: case
testbed: laptop
profile: metro
workload: {{rides: nyc-sample, replay: {{rate: 100/s}}}}
phases: {{warmup: 1s, measure: 20s, cooldown: 1s}}
scenario:
  - {{at: 5s, do: network, links: [{{between: [edge, fog], trace: {trace}}}]}}
"""
