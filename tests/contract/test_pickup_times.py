"""What the source reads before its first ride, at a restart too."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fogbed import links
from fogbed.clients import process
from fogbed.stream_job.flink import build
from fogbed.stream_job.rides.datasets import HEADER

BLOCKS = 2000
EVERY = 1 << 20
CHECK = Path(__file__).with_name("PickupTimesCheck.java")


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file of 2 GB that is one hole but for every thousandth ride, a minute after the other."""
    folder = tmp_path_factory.mktemp("rides") / "a b %20 #1 [x] \u00e9 \\ c:d"
    folder.mkdir()
    file, index = folder / "rides.csv", folder / "rides.csv.index"
    start = datetime(2015, 1, 1)  # noqa: DTZ001 - wall clock
    with file.open("wb") as out:
        out.write(f"{HEADER}\n".encode())
        offsets = [len(HEADER) + 1 + n * EVERY for n in range(BLOCKS)]
        for n, offset in enumerate(offsets):
            time = start + timedelta(minutes=n)
            out.seek(offset)
            out.write(f"{n * 1000},{time},{time},-73.98,40.75,,,point,1:2\n".encode())
    index.write_text("".join(f"{offset}\n" for offset in offsets))
    return file, index


def test_a_thousandth_of_the_file_is_read(rides: tuple[Path, Path], tmp_path: Path) -> None:
    javac, java = shutil.which("javac"), shutil.which("java")
    if javac is None or java is None:
        pytest.skip("needs a JDK 17")
    jar = str(build.jar_path())
    class_path = ":".join(map(str, [jar, *build.flink_jars()]))
    process.run([javac, "-cp", class_path, "-d", str(tmp_path), str(CHECK)], timeout_s=120)
    asked = ["-1", "0", "59", "60", "90", "3600", str(60 * (BLOCKS - 1))]
    uris = map(links.flink_uri, rides)
    command = [java, "-cp", f"{class_path}:{tmp_path}", "fogbed.PickupTimesCheck", *uris]
    done = process.run([*command, str((BLOCKS - 1) * 1000 + 1), *asked], timeout_s=120)
    read, *due = map(int, done.stdout.split())
    assert read < BLOCKS * 100 + 10_000
    # within a block, by interpolation
    assert due == [0, 0, 983, 1000, 1500, 60_000, (BLOCKS - 1) * 1000]
