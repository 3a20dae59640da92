"""Where an import of rides spends its time: core-seconds per million rows, stage by stage.

Each stage is measured as what a chain costs with it less what the chain costs without it, in one
thread, the least of several times; DuckDB computes only what a query asks for. Batches flow through
as in an import, so that memory is used again as it is there.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from benchmarks.rides_import import make_source
from benchmarks.row import Row
from fogbed.stream_job.rides.judging import BATCH_ROWS, open_database, sort_keys
from fogbed.stream_job.rides.lines import SCHEMA, Block, batch_of, read_blocks
from fogbed.stream_job.rides.query import judged_query, text_rows
from fogbed.stream_job.rides.sorting import Runs
from fogbed.stream_job.rides.sources import Source, find_sources
from fogbed.stream_job.rides.writer import RidesWriter

ROWS, QUICK_ROWS = 1_000_000, 100_000
TIMES = 3


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row per stage, and one for all of them."""
    rows, times = (QUICK_ROWS, 1) if quick else (ROWS, TIMES)
    folder = Path(tempfile.mkdtemp(prefix="fogbed-bench-profile-"))
    try:
        make_source(folder / "rides.csv", rows)
        costs = _stages(_Chain(folder, find_sources([str(folder / "rides.csv")]).sources[0]), times)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    costs["all stages"] = sum(costs.values())
    for stage, core_s in costs.items():
        yield Row(
            figure=f"import, {stage}: core-s per million rows",
            value=f"{core_s * 1e6 / rows:.2f} core-s",
            ratio=f"{core_s / costs['all stages']:.0%}",
        )


def _stages(chain: _Chain, times: int) -> dict[str, float]:
    """Return what each stage costs, in core-seconds."""
    chains: dict[str, Callable[[], None]] = {
        "read": chain.read,
        "lines": chain.lines,
        "split": lambda: chain.ask("sum(len(fields)), bit_xor(hash)", chain.rows.read),
        "cast": lambda: chain.ask(_CAST, chain.rows.judged),
        "rules": lambda: chain.ask(f"{_CAST}, max(code)", chain.rows.judged),
        "text": chain.judge,
        "sort": chain.sort,
    }
    costs, before = {}, 0.0
    for stage, work in chains.items():
        whole = _least(work, times)
        costs[stage], before = whole - before, whole
    costs["merge"] = merged = _least(chain.merge, times)
    costs["write"] = _least(chain.write, times) - merged
    costs["digest of the source"] = _least(chain.digest, times)
    return costs


_CAST = "bit_xor(hash), max(pickup_text), max(dropoff_text), max(pickup), max(lon), max(lat)"


class _Chain:
    """The stages of an import of one plain file, each after all that come before it."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._source = source
        self._runs = Runs(folder)
        self.rows = text_rows("source", source.layout)

    def read(self) -> None:
        deque(self._blocks(), maxlen=0)

    def lines(self) -> None:
        deque(map(batch_of, self._blocks()), maxlen=0)

    def ask(self, what: str, table: str) -> None:
        deque(self._answers(f"SELECT {what} FROM ({table})"), maxlen=0)  # noqa: S608 - ours

    def judge(self) -> None:
        deque(self._answers(judged_query(self.rows, raw=False)), maxlen=0)

    def sort(self) -> None:
        self._runs = Runs(self._folder)
        for batch in self._answers(judged_query(self.rows, raw=False)):
            self._runs.add(batch, sort_keys(batch, {self._source.number: 0}))

    def merge(self) -> None:
        deque(self._runs.merged(), maxlen=0)

    def write(self) -> None:
        with RidesWriter(self._folder, {self._source.number: self._source.label}) as writer:
            deque(map(writer.write, self._runs.merged()), maxlen=0)

    def digest(self) -> None:
        with self._source.path.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    def _blocks(self) -> Iterator[Block]:
        return read_blocks([self._source], report=lambda *_: None)

    def _answers(self, query: str) -> Iterator[pa.RecordBatch]:
        batches = pa.RecordBatchReader.from_batches(SCHEMA, map(batch_of, self._blocks()))
        with open_database(self._folder / "spill") as database:
            database.register("source", batches)
            with database.sql(query).to_arrow_reader(BATCH_ROWS) as answers:
                yield from answers


def _least(work: Callable[[], None], times: int) -> float:
    """Return the fewest core-seconds that a work took; others on the machine only add to them."""
    costs = []
    for _ in range(times):
        started = time.process_time()
        work()
        costs.append(time.process_time() - started)
    return min(costs)
