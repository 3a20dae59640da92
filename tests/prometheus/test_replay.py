"""What a Prometheus says of itself while it reads what it had: probes of its pod go by that."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
import requests
from prometheus_server import require

from benchmarks.free_ports import free_port


@pytest.fixture
def replaying(tmp_path):
    """A Prometheus that waits for ever for the next bytes of its log; its URL."""
    (tmp_path / "data" / "wal").mkdir(parents=True)
    os.mkfifo(tmp_path / "data" / "wal" / "00000000")
    (tmp_path / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                require(),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={address}",
            ],
            env={"PATH": os.defpath, "GOMAXPROCS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def test_it_is_healthy_and_not_ready(replaying):
    deadline = time.monotonic() + 60
    while not listens(replaying):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert requests.get(f"{replaying}/-/healthy", timeout=30).status_code == 200
    assert requests.get(f"{replaying}/-/ready", timeout=30).status_code == 503


def listens(url: str) -> bool:
    try:
        requests.get(f"{url}/-/healthy", timeout=30)
    except requests.ConnectionError:
        return False
    return True
