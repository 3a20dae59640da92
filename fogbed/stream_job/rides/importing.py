"""Imports trip files into a prepared dataset: whole or not at all, in flat memory.

Every row read ends in ``rides.csv`` or in ``rejects.parquet`` with its reason. Several threads
judge, each by DuckDB under one memory limit; what they sort lies in the temporary folder that the
dataset is made in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

import fogbed
from fogbed.clients.progress import Progress, Quiet, Step
from fogbed.errors import DatasetError, UsageError
from fogbed.stream_job.rides import clocks as ride_clocks
from fogbed.stream_job.rides import datasets
from fogbed.stream_job.rides.datasets import Dataset, Manifest, SourceFile
from fogbed.stream_job.rides.files import shown
from fogbed.stream_job.rides.judging import Judging, open_database
from fogbed.stream_job.rides.reading import Reading
from fogbed.stream_job.rides.sources import Source, find_sources
from fogbed.stream_job.rides.workshop import open_workshop, publish
from fogbed.stream_job.rides.writer import RidesWriter

_TICK_S: Final = 0.2
_EXAMPLE: Final = 200
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would read, and where it would write.

    ``left_out`` names members of archives that are no tables of rides, each with the reason.
    ``utc``: times without a zone, or labelled UTC, are converted to New York's clock.
    """

    name: str
    sources: tuple[Source, ...]
    left_out: tuple[str, ...] = ()
    folder: Path
    raw: bool
    utc: bool = False
    force: bool = False
    allow_empty: bool = False
    replaces: bool


def plan_import(  # noqa: PLR0913 - one parameter per option
    patterns: Sequence[str],
    *,
    name: str,
    raw: bool = False,
    utc: bool = False,
    force: bool = False,
    allow_empty: bool = False,
) -> ImportPlan:
    """Recognise every source and check the name; nothing is written.

    ``allow_empty`` keeps a dataset without any usable ride.

    Raises:
        UsageError: the name cannot be used, or is taken and ``force`` is not given; sources that
            are missing or no trip files. All at once.
    """
    found = find_sources(patterns)
    problems = found.problems
    folder = datasets.datasets_dir() / name
    is_taken = os.path.lexists(folder)
    if wrong := datasets.name_problem(name):
        problems.append(wrong)
    elif is_taken and not force:
        problems.append(_taken(folder))
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise UsageError(f"nothing was imported: {count}", details="\n".join(problems))
    return ImportPlan(
        name=name,
        sources=tuple(found.sources),
        left_out=tuple(found.left_out),
        folder=folder,
        raw=raw,
        utc=utc,
        force=force,
        allow_empty=allow_empty,
        replaces=is_taken,
    )


def _taken(folder: Path) -> str:
    way_out = "choose another --name, or replace it with --force"
    return f"--name {folder.name}: there is such a dataset already ({folder}); {way_out}"


def import_rides(plan: ImportPlan, progress: Progress | None = None) -> Dataset:
    """Write the dataset that ``plan`` describes and return it.

    An interruption or an error leaves nothing behind, and a dataset that was to be replaced as it
    was.

    Raises:
        UsageError: another import has taken the name meanwhile.
        DatasetError: a source cannot be read to its end, no row of them can be used, or the disk
            is full.
    """
    progress = progress or Quiet()
    with open_workshop(plan.folder) as workshop:
        if plan.folder.exists() and not plan.force:
            raise UsageError("nothing was imported: 1 problem", details=_taken(plan.folder))
        total = sum(path.stat().st_size for path in {source.path for source in plan.sources})
        (folder := workshop / "made").mkdir()
        with progress.step(f"importing {plan.name}", total=2.0 * total) as step:
            manifest = _prepare(plan, folder, step, total)
        if not manifest.usable and not plan.allow_empty:
            raise _nothing_usable(manifest, folder / datasets.REJECTS)
        (folder / datasets.MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", "utf-8")
        publish(folder, plan.folder)
    return datasets.open_dataset(plan.folder)


def _nothing_usable(manifest: Manifest, rejects: Path) -> DatasetError:
    what = (
        f"no row of {manifest.rows_read:,} can be used" if manifest.rows_read else "there is no row"
    )
    lines = [
        f"{reason}: {rows:,} kept for the job's parse" for reason, rows in manifest.kept_bad.items()
    ]
    firsts = _first_of_each(rejects)
    for reason, rows in manifest.rejected_by_reason.items():
        lines.append(f"{reason}: {rows:,}, the first {firsts[reason]}")
    return DatasetError(
        f"{manifest.name} was not imported: {what}",
        details="\n".join(lines) or None,
        hint="--allow-empty keeps the dataset, with what was rejected in its rejects.parquet",
    )


def _prepare(plan: ImportPlan, folder: Path, step: Step, total: int) -> Manifest:
    labels = {source.number: source.label for source in plan.sources}
    with (
        ThreadPoolExecutor(2, thread_name_prefix="import") as threads,
        open_database(folder.parent / "spill") as database,
        Reading(plan.sources) as reading,
        RidesWriter(folder, labels) as writer,
    ):
        digests = threads.submit(_digests, plan.sources, reading)
        judging = Judging(database, plan.sources, utc=plan.utc, folder=folder.parent)
        work = threads.submit(judging.write, reading, writer, raw=plan.raw)
        try:
            _wait(work, lambda: step.advance(*_how_far(reading, writer, total)))
            found = digests.result()
        except BaseException:
            reading.stopped = True  # who reads, judges or writes looks at it per batch
            wait([work])
            raise
        return _manifest(plan, reading, writer, found)


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


def _first_of_each(rejects: Path) -> dict[str, str]:
    """Return for each reason where its first row is, and what stands there."""
    found: dict[str, str] = {}
    with pq.ParquetFile(rejects.absolute()) as file:
        for batch in file.iter_batches():
            for reason in set(batch["reason"].unique().to_pylist()) - set(found):
                row = batch.filter(pc.equal(batch["reason"], reason)).slice(0, 1).to_pylist()[0]
                found[reason] = f"{row['file']}:{row['line']}: {row['raw'][:_EXAMPLE]}"
    return found


def _digests(sources: Sequence[Source], reading: Reading) -> dict[Path, str]:
    """Return the digest of every file; InterruptedError once the reading was stopped."""
    found = {}
    for path in {source.path for source in sources}:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                reading.check()
                digest.update(chunk)
        found[path] = digest.hexdigest()
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
        sources=tuple(_source_file(source, reading, writer, digests) for source in plan.sources),
        fogbed_version=fogbed.__version__,
        imported_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        without_dropoff=writer.without_dropoff,
        utc=plan.utc,
        left_out=plan.left_out,
    )


def _source_file(
    source: Source, reading: Reading, writer: RidesWriter, digests: dict[Path, str]
) -> SourceFile:
    pickup = source.layout.get("pickup_time")
    return SourceFile(
        path=shown(source.path),
        member=source.member,
        bytes=source.path.stat().st_size,
        sha256=digests[source.path],
        rows=reading.rows[source.number],
        columns=source.layout.names,
        zone=pickup.zone if pickup else "",
        rides=writer.clocks(source.number, 0),
        converted=writer.clocks(source.number, ride_clocks.CONVERTED),
        labelled=writer.clocks(source.number, ride_clocks.LABELLED),
        apart=writer.clocks(source.number, ride_clocks.APART),
    )
