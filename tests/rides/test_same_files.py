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
SEEDS, LARGE = range(30), (1001, 1002)
_FOLDERS = {
    "cases": [TESTS / "cases" / name for name in ("rides", "ride_files", "ride_values")],
    "shared": [SHARED / "cases", SHARED / "data"],
}
_OF_THE_RUN = {"fogbed_version", "imported_at"}


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


def inputs(group: str) -> list[Path]:
    """Return the files of a group; those of ../shared where there is one."""
    endings = {".csv", ".gz", ".zip", ".parquet"}
    folders = [folder for folder in _FOLDERS[group] if folder.exists()]
    return sorted(path for each in folders for path in each.iterdir() if path.suffix in endings)


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


def digests_of(path: Path) -> dict[str, dict[str, str]]:
    """Return the digests of what becomes of a file, with each option."""
    label = f"{path.parent.name}/{path.name}"
    return {
        f"{label}{option}": imported(path.parent, path.name, **chosen)
        for option, chosen in OPTIONS.items()
    }


def all_at_once(folder: Path) -> dict[str, dict[str, str]]:
    names = sorted(make_file(folder, seed).name for seed in [*SEEDS, *LARGE])
    return {"all at once": imported(folder / "nasty", *names, raw=True)}


def make_file(folder: Path, seed: int) -> Path:
    (nasty := folder / "nasty").mkdir(exist_ok=True)
    path = nasty / f"{seed}.csv"
    path.write_bytes(nasty_file(seed, rows=50_000 if seed in LARGE else None))
    return path


def wanted(group: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((GOLDEN / f"{group}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", inputs("cases"), ids=lambda path: path.name)
def test_every_case_becomes_what_it_was(path: Path) -> None:
    assert digests_of(path).items() <= wanted("cases").items()


@pytest.mark.parametrize("path", inputs("shared"), ids=lambda path: path.name)
def test_the_real_files_become_what_they_were(path: Path) -> None:
    assert digests_of(path).items() <= wanted("shared").items()


@pytest.mark.parametrize("seed", [*SEEDS, *LARGE])
def test_nasty_files_become_what_they_were(seed: int, tmp_path: Path) -> None:
    assert digests_of(make_file(tmp_path, seed)).items() <= wanted("nasty").items()


def test_many_files_at_once_become_what_they_were(tmp_path: Path) -> None:
    assert all_at_once(tmp_path).items() <= wanted("nasty").items()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_DATA_HOME"] = name
        folder = Path(name)
        nasty = sorted(make_file(folder, seed) for seed in [*SEEDS, *LARGE])
        groups = {"cases": inputs("cases"), "shared": inputs("shared"), "nasty": nasty}
        for group, paths in groups.items():
            found = {
                label: digests for path in paths for label, digests in digests_of(path).items()
            }
            found |= all_at_once(folder) if group == "nasty" else {}
            text = json.dumps(found, indent=1, ensure_ascii=False)
            (GOLDEN / f"{group}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
