"""An import that is interrupted ends at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fogbed.stream_job.rides import importing
from fogbed.stream_job.rides.reading import Reading


def test_nobody_waits_for_the_digests_of_an_import_that_was_stopped(tmp_path):
    (path := tmp_path / "rides.csv").write_bytes(b"a")
    source = SimpleNamespace(path=path, number=1)
    with Reading([source]) as reading:
        assert list(importing._digests([source], reading)) == [path]
        reading.stopped = True
        with pytest.raises(InterruptedError):
            importing._digests([source], reading)
