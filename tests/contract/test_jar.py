"""The job's jar that is kept beside its sources is what those sources make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fogbed.clients import process
from fogbed.stream_job.flink import build


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    javac = shutil.which("javac")
    if javac is None or "javac 17." not in process.run([javac, "-version"], timeout_s=60).stdout:
        pytest.skip("needs a JDK 17")
    made = build.build_jar(target=tmp_path / "again.jar")
    assert made.read_bytes() == build.jar_path().read_bytes()
