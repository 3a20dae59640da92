"""What an import writes is, byte for byte, what it wrote before it was made faster.

``tests/golden/rides/`` keeps digests of what the import of 2026-11-30 wrote, which read each line
in Python and sorted in one database. ``python -m tests.rides.test_same_files`` writes them anew:
only for a change of what is right, never for one of speed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fogbed.errors import FogbedError
from fogbed.stream_job.rides import importing
from fogbed.stream_job.rides.datasets import Dataset
from tests.rides.nasty_files import nasty_file

TESTS = Path(__file__).parents[1]
SHARED = TESTS.parents[1] / "shared"
GOLDEN = TESTS / "golden" / "rides"
OPTIONS = {"": {}, " --raw": {"raw": True}, " --utc": {"utc": True}}
SEEDS = range(int(os.environ.get("SEEDS", "30")))
LARGE = (1001, 1002)
_FOLDERS = {
    "cases": [TESTS / "cases" / name for name in ("rides", "ride_files", "ride_values")],
    "shared": [SHARED / "cases", SHARED / "data"],
}
_OF_THE_RUN = {"fogbed_version", "imported_at"}


def inputs(group: str) -> Iterator[Path]:
    for folder in _FOLDERS[group]:
        for path in sorted(folder.iterdir()):
            if path.suffix in {".csv", ".gz", ".zip", ".parquet"}:
                yield path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


def written(dataset: Dataset) -> dict[str, str]:
    """Return a digest of each file; of the rejects, of their rows: Arrow's bytes are Arrow's."""
    manifest = dataset.manifest.model_dump(mode="json", exclude=_OF_THE_RUN)
    rejects = pq.read_table(dataset.rejects_file).to_pylist()
    return {
        "rides": digest(dataset.rides_file.read_bytes()),
        "index": digest(dataset.index_file.read_bytes()),
        "rejects": digest(json.dumps(rejects).encode()),
        "manifest": digest(json.dumps(manifest).encode()),
    }


def imported(folder: Path, *names: str, **options: bool) -> dict[str, str]:
    """Import from within a folder, so that no path of this computer is in the files."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        plan = importing.plan_import(list(names), name="d", force=True, allow_empty=True, **options)
        return written(importing.import_rides(plan))
    except FogbedError as error:
        return {"refused": f"{error.message} {error.details or ''}"}
    finally:
        os.chdir(before)


def digests_of(group: str, made: Path) -> dict[str, dict[str, str]]:
    """Return the digests of all inputs of a group, each with every option; last, of all at once."""
    paths = make_files(made) if group == "nasty" else list(inputs(group))
    found = {
        f"{path.parent.name}/{path.name}{option}": imported(path.parent, path.name, **chosen)
        for path in paths
        for option, chosen in OPTIONS.items()
    }
    if group == "nasty":
        names = [path.name for path in paths]
        found["all at once"] = imported(paths[0].parent, *names, raw=True)
    return found


def make_files(folder: Path) -> list[Path]:
    (nasty := folder / "nasty").mkdir()
    for seed in SEEDS:
        (nasty / f"{seed}.csv").write_bytes(nasty_file(seed))
    for seed in LARGE:
        (nasty / f"{seed}.csv").write_bytes(nasty_file(seed, rows=50_000))
    return sorted(nasty.iterdir())


@pytest.mark.parametrize("group", ["cases", "shared", "nasty"])
@pytest.mark.usefixtures("fresh_home")
def test_every_file_is_as_it_was(group: str, tmp_path: Path) -> None:
    if group == "shared" and not SHARED.exists():
        pytest.skip("needs ../shared")
    wanted = json.loads((GOLDEN / f"{group}.json").read_text("utf-8"))
    assert digests_of(group, tmp_path) == wanted


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        for group in ("cases", "shared", "nasty"):
            text = json.dumps(digests_of(group, Path(folder)), indent=1, ensure_ascii=False)
            (GOLDEN / f"{group}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
