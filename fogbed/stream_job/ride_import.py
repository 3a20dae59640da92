"""Imports trip files into a prepared dataset: whole or not at all, in flat memory.

Every row read ends in ``rides.csv`` or in ``rejects.parquet`` with its reason. DuckDB judges and
sorts under a memory limit and spills into the temporary folder the dataset is made in.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import fogbed
from fogbed.clients.progress import Progress, Quiet, Step
from fogbed.errors import DatasetError, UsageError
from fogbed.stream_job import datasets
from fogbed.stream_job.datasets import Dataset, Manifest, SourceFile
from fogbed.stream_job.ride_columns import Layout
from fogbed.stream_job.ride_lines import SCHEMA
from fogbed.stream_job.ride_query import ZONES_TABLE, parquet_branch, text_branch, whole_query
from fogbed.stream_job.ride_reading import Reading
from fogbed.stream_job.ride_sources import Source, find_sources
from fogbed.stream_job.ride_writer import RidesWriter
from fogbed.stream_job.zones import load_zones

MEMORY_LIMIT: Final = "240MB"
_BATCH: Final = 50_000
_TICK_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would read, and where it would write."""

    name: str
    sources: tuple[Source, ...]
    folder: Path
    raw: bool
    replaces: bool


def plan_import(
    patterns: Sequence[str], *, name: str, raw: bool = False, force: bool = False
) -> ImportPlan:
    """Recognise every source and check the name; nothing is written.

    Raises:
        UsageError: the name cannot be used, or is taken and ``force`` is not given; sources that
            are missing or no trip files. All at once.
    """
    sources, problems = find_sources(patterns)
    folder = datasets.datasets_dir() / name
    if wrong := datasets.name_problem(name):
        problems.append(wrong)
    elif folder.exists() and not force:
        way_out = "choose another --name, or replace it with --force"
        problems.append(f"--name {name}: there is such a dataset already ({folder}); {way_out}")
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise UsageError(f"nothing was imported: {count}", details="\n".join(problems))
    return ImportPlan(name=name, sources=sources, folder=folder, raw=raw, replaces=folder.exists())


def import_rides(plan: ImportPlan, progress: Progress | None = None) -> Dataset:
    """Write the dataset that ``plan`` describes and return it.

    An interruption or an error leaves nothing behind, and a dataset that was to be replaced as it
    was.

    Raises:
        DatasetError: a source cannot be read to its end, or the disk is full.
    """
    progress = progress or Quiet()
    total = sum(path.stat().st_size for path in {source.path for source in plan.sources})
    with _workshop(plan) as folder:
        with progress.step(f"importing {plan.name}", total=2.0 * total) as step:
            manifest = _prepare(plan, folder, step, total)
        (folder / datasets.MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", "utf-8")
        _publish(folder, plan.folder)
    return datasets.open_dataset(plan.folder)


@contextmanager
def _workshop(plan: ImportPlan) -> Iterator[Path]:
    """Give a temporary folder beside the target; what stopped the import becomes our error."""
    parent = plan.folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        with tempfile.TemporaryDirectory(
            dir=parent, prefix=f".importing-{os.getpid()}-", ignore_cleanup_errors=True
        ) as temporary:
            (made := Path(temporary, "made")).mkdir()
            yield made
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        raise _failed(plan, parent, error) from error


def _failed(plan: ImportPlan, parent: Path, error: Exception) -> DatasetError:
    is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
        "No space left" in str(error) or "max_temp_directory_size" in str(error)
    )
    if is_full:
        return DatasetError(
            f"the disk is full: {plan.name} was not imported",
            hint=f"make room in {parent} (about three times the unpacked sources), or set "
            "XDG_DATA_HOME to a folder on another disk",
        )
    return DatasetError(f"{plan.name} was not imported", details=str(error).strip())


def _sweep(parent: Path) -> None:
    """Remove what imports that were killed left behind."""
    for left in parent.glob(".importing-*"):
        pid = left.name.split("-")[1]
        if not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)


def _publish(made: Path, folder: Path) -> None:
    old = made.parent / "old"
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def _prepare(plan: ImportPlan, folder: Path, step: Step, total: int) -> Manifest:
    reading = Reading(plan.sources)
    labels = {source.number: source.label for source in plan.sources}
    with (
        ThreadPoolExecutor(2, thread_name_prefix="import") as threads,
        _connection(folder.parent / "spill") as connection,
        RidesWriter(folder, labels) as writer,
    ):
        digests = threads.submit(_digests, plan.sources)
        work = threads.submit(_write, connection, reading, plan, writer)
        try:
            _wait(work, lambda: step.advance(*_how_far(reading, writer, total)))
        except BaseException:
            # the reader and the writer look at it per batch; DuckDB itself refuses while busy
            reading.stopped = True
            with suppress(duckdb.Error):
                connection.interrupt()
            wait([work])
            raise
        return _manifest(plan, reading, writer, digests.result())


def _how_far(reading: Reading, writer: RidesWriter, total: int) -> tuple[float, str]:
    """Return how much of twice ``total`` bytes is done, and a word: reading is the first half.

    DuckDB gives out the first row when it has sorted the last, so writing is the second.
    """
    rows, written = reading.rows.total(), writer.rides + writer.rejected.total()
    if not written:
        word = "sorting" if reading.bytes >= total else f"{rows:,} rows read"
        return float(min(reading.bytes, total)), word
    return total * (1 + written / max(rows, written)), f"{writer.rides:,} rides written"


def _wait(work: Future[None], report: Callable[[], None]) -> None:
    # the work runs in a thread of its own so that Ctrl-C reaches this one
    while True:
        try:
            work.result(timeout=_TICK_S)
        except NotYet:
            report()
        else:
            return


@contextmanager
def _connection(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spill),
        "threads": str(min(4, os.cpu_count() or 1)),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=settings) as connection:
        yield connection


def _write(
    connection: duckdb.DuckDBPyConnection, reading: Reading, plan: ImportPlan, writer: RidesWriter
) -> None:
    zones = [(number, lon, lat) for number, (lon, lat) in load_zones().items()]
    numbers, lons, lats = zip(*zones, strict=True)
    table = pa.table({"zone": pa.array(numbers, pa.int32()), "lon": lons, "lat": lats})
    connection.register(ZONES_TABLE, table)
    query = whole_query(list(_branches(connection, reading, plan.sources)), raw=plan.raw)
    try:
        with connection.sql(query).to_arrow_reader(_BATCH) as batches:
            for batch in batches:
                reading.check()
                writer.write(batch)
    except (duckdb.Error, pa.ArrowException):
        if reading.failure:  # it went through DuckDB, which only passes on its text
            raise reading.failure from None
        raise


def _branches(
    connection: duckdb.DuckDBPyConnection, reading: Reading, sources: Sequence[Source]
) -> Iterator[str]:
    by_layout: dict[Layout, list[Source]] = {}
    for source in sources:
        if source.packing == "parquet":
            rows, names = pq.read_metadata(source.path).num_rows, pq.read_schema(source.path).names
            reading.report(source, rows, 0)
            yield parquet_branch(str(source.path), source.number, source.layout, names)
        else:
            by_layout.setdefault(source.layout, []).append(source)
    for number, (layout, alike) in enumerate(by_layout.items()):
        lines = pa.RecordBatchReader.from_batches(SCHEMA, reading.lines(alike))
        connection.register(f"lines_{number}", lines)
        yield text_branch(f"lines_{number}", layout)


def _digests(sources: Sequence[Source]) -> dict[Path, str]:
    found = {}
    for path in {source.path for source in sources}:
        with path.open("rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _manifest(
    plan: ImportPlan, reading: Reading, writer: RidesWriter, digests: dict[Path, str]
) -> Manifest:
    rows_read, rejected = reading.rows.total(), writer.rejected.total()
    if writer.rides + rejected != rows_read:
        raise DatasetError(
            f"{rows_read:,} rows were read, but {writer.rides:,} rides written and {rejected:,} "
            "rejected: this is a fault of fogbed, and nothing was kept"
        )
    first, last = writer.pickups
    return Manifest(
        name=plan.name,
        rides=writer.rides,
        rejected=rejected,
        rows_read=rows_read,
        rejected_by_reason=dict(writer.rejected.most_common()),
        kept_bad=dict(writer.kept_bad.most_common()),
        raw=plan.raw,
        places=dict(writer.places),
        first_pickup=first,
        last_pickup=last,
        box=writer.box,
        sha256=writer.sha256,
        bytes=writer.bytes,
        sources=tuple(_source_file(source, reading, digests) for source in plan.sources),
        fogbed_version=fogbed.__version__,
        imported_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _source_file(source: Source, reading: Reading, digests: dict[Path, str]) -> SourceFile:
    return SourceFile(
        path=str(source.path),
        member=source.member,
        bytes=source.path.stat().st_size,
        sha256=digests[source.path],
        rows=reading.rows[source.number],
        columns=source.layout.names,
    )
