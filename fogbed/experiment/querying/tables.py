"""Series as tables: rows for a terminal, and files that other programs read."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogbed.clients.series import NAME, Series
from fogbed.errors import FogbedError, UsageError
from fogbed.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_OTHERS = frozenset({"time", "name", "value"})


def frame_of(series: Sequence[Series]) -> pd.DataFrame:
    """Return the long table: time (UTC), name, a column for each label, value; a row per sample.

    A label that a series has not got is "". One that is called as another column has ``label_``
    before its name.
    """
    import pandas as pd  # noqa: PLC0415 - slow to load

    labels = sorted({name for each in series for name, _ in each.labels} - {NAME})
    named = {label: f"label_{label}" if label in _OTHERS else label for label in labels}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("time", "name", *named.values(), "value")
    }
    for each in series:
        count = len(each.samples)
        columns["time"].extend(time for time, _ in each.samples)
        columns["name"].extend([each.name] * count)
        columns["value"].extend(value for _, value in each.samples)
        for label, column in named.items():
            columns[column].extend([each.label(label)] * count)
    frame = pd.DataFrame(columns)
    frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True).dt.round("ms")
    return frame


def long_frame_of(series: Sequence[Series]) -> pd.DataFrame:
    """Return the long table as ``prometheus.parquet`` has it: all labels in one column, as JSON.

    Series of many metrics have too many labels for a column each. Times are as in ``frame_of``.
    """
    frame = frame_of([Series(((NAME, each.name),), each.samples) for each in series])
    rows = [text for each in series for text in [_labels_text(each)] * len(each.samples)]
    frame.insert(2, "labels", rows)
    return frame


def suffix_of(path: Path) -> str:
    """Return the ending of a file's name; UsageError unless it says a format."""
    if path.suffix not in ENDINGS:
        raise UsageError(
            f"{path}: its ending says no format", hint=f"end it in {' or '.join(ENDINGS)}"
        )
    return path.suffix


def write_table(frame: pd.DataFrame, path: Path, suffix: str) -> None:
    """Write a table as CSV or Parquet, by ``suffix`` (one of ``ENDINGS``), whole or not at all.

    Raises:
        UsageError: there is no such folder, or it is not ours to write.
        FogbedError: there is no room; what was there stays.
    """
    content = io.BytesIO()
    if suffix == ".csv":
        frame.to_csv(content, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        frame.to_parquet(content, index=False)
    try:
        _put(path, content.getvalue())
    except OSError as error:
        said = f"{path} cannot be written: {error.strerror or error}"
        if error.errno in _NO_ROOM:
            raise FogbedError(said, hint="make room there, or name another file") from error
        raise UsageError(said, hint="name another file") from error


def _put(path: Path, content: bytes) -> None:
    if path.exists() and not path.is_file():
        # a pipe or a device (/dev/stdout) takes it; a folder refuses
        path.write_bytes(content)
    else:
        # through a link to the file that is meant
        write_whole(path.resolve(), content, keeps_rights=True)


def _labels_text(series: Series) -> str:
    labels = {name: value for name, value in series.labels if name != NAME}
    return json.dumps(labels, sort_keys=True)
