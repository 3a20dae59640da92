"""Rows and their values are read as a second, slow reader reads them; what is not sure is not."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbed.errors import DatasetError
from fogbed.stream_job import reasons, ride_import, ride_judging
from fogbed.stream_job.datasets import HEADER as PREPARED
from fogbed.stream_job.datasets import Dataset
from fogbed.stream_job.ride_duplicates import Duplicates
from fogbed.stream_job.ride_times import plain_sql, time_sql, whole_seconds_sql
from tests.unit.stream_job.slow_rides import NEW_YORK, Verdict, read_rides, read_time

CASES = Path(__file__).parents[2] / "cases" / "ride_values"
HEADER = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude"
TIMES = "2015-01-01 10:00:00,2015-01-01 10:09:00"
PLACE = "-73.98,40.75"


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


def load(content: bytes, *, raw: bool = False, utc: bool = False) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder, "r.csv")).write_bytes(content)
        plan = ride_import.plan_import(
            [str(source)], name="d", raw=raw, utc=utc, force=True, allow_empty=True
        )
        return ride_import.import_rides(plan)


def verdicts_of(dataset: Dataset) -> list[Verdict]:
    """Return what the import made of each row, in the order of the file."""
    lines = dataset.rides_file.read_bytes().decode().split("\n")
    assert (lines[0], lines[-1]) == (PREPARED, "")
    rides = [line.split(",") for line in lines[1:-1]]
    found = [Verdict(int(r[8].split(":")[1]), "", tuple(r[1:8])) for r in rides]
    for row in rejects_of(dataset):
        found.append(Verdict(row["line"], row["reason"]))
    manifest = dataset.manifest
    assert manifest.rides + manifest.rejected == manifest.rows_read == len(found)
    return sorted(found, key=lambda verdict: verdict.line)


def rejects_of(dataset: Dataset) -> list[dict[str, str]]:
    return pq.read_table(dataset.rejects_file).to_pylist()


@pytest.mark.parametrize("utc", [False, True])
@pytest.mark.parametrize("case", sorted(CASES.glob("*.csv")), ids=lambda path: path.stem)
def test_both_readers_agree_on_the_cases(case: Path, utc: bool) -> None:  # noqa: FBT001 - a case
    content = case.read_bytes()
    assert verdicts_of(load(content, utc=utc)) == list(read_rides(content, utc=utc))
