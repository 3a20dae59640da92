"""``fogbed rides push``: datasets go where a testbed's jobs read them, before a run needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from fogbed.cli import console
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.stream_job.rides import datasets
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.storage import Storage


def push(
    names: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Names or folders of datasets.")
    ],
    *,
    testbed: TestbedOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send datasets to a testbed's store; what is there already is not sent again.

    Jobs and experiments do that by themselves. One that was interrupted goes on where it was.
    """
    from fogbed import platforms

    found = [datasets.find_dataset(name) for name in names]
    storage = platforms.open_platform(platforms.find_testbed(testbed)).storage()
    pushed = [_push(storage, each, dry_run=dry_run) for each in found]
    if as_json:
        console.say_json(pushed)
        return
    verb = "to send" if dry_run else "sent"
    rows = [(str(p["name"]), f"{p['bytes']:,} bytes {verb}", str(p["rides_uri"])) for p in pushed]
    console.say_table(("dataset", "", "where jobs read it"), rows)


def _push(storage: Storage, dataset: Dataset, *, dry_run: bool) -> dict[str, object]:
    missing = storage.missing(dataset)
    published = storage.publish(dataset, dry_run=dry_run)
    return {
        "name": dataset.name,
        "rides_uri": published.rides_uri,
        "index_uri": published.index_uri,
        "bytes": sum(missing.values()),
    }
