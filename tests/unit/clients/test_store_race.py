"""Two pushes that find the same damaged blob at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogbed.clients.images import store
from fogbed.clients.images.documents import descriptor


def test_a_damaged_blob_that_another_push_removed_first_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = store.BlobStore(tmp_path)
    blob = descriptor("application/octet-stream", "sha256:" + "0" * 64, 3)
    blobs.path(blob.digest).write_bytes(b"bad")

    def removed_meanwhile(path: Path) -> str:
        path.unlink()
        return "sha256:other"

    monkeypatch.setattr(store, "_digest_of", removed_meanwhile)
    assert not blobs.has(blob)
