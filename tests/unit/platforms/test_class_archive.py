"""The class-data archive is a convenience: without it everything goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.clients.progress import Quiet
from fogbed.platforms.local import class_archive


def test_a_testbed_can_be_removed_where_no_archive_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_archive.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    (tmp_path / "file").touch()
    wanted = {"java": "java", "class_path": "", "archive": str(tmp_path / "file" / "it.jsa")}
    (tmp_path / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
    (tmp_path / "jobmanager.classes").write_text("java/lang/Object id: 0\n", encoding="utf-8")
    class_archive.make(tmp_path, Quiet())
