"""A real Prometheus on loopback for tests: the program of the system, or FOGBED_PROMETHEUS."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from benchmarks.free_ports import free_port

_START_S = 60.0
_NO_TARGETS = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
_ITSELF = """\
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["127.0.0.1:{port}"]
        labels: {{testbed: {testbed}, node: cloud-1, tier: cloud}}
"""


# A program in Go that no package of Python's brings, and that fogbed works without: where it is
# absent its tests are skipped and counted as such. CI has it: .ci/run and the workflow install it.
_GET_IT = "apt install prometheus"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason=f"needs the program prometheus: {_GET_IT}"
)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason=f"needs promtool, Prometheus' own tester: {_GET_IT}"
)


def require() -> Path:
    """Return Prometheus's program; a test without one is skipped."""
    found = os.environ.get("FOGBED_PROMETHEUS") or shutil.which("prometheus")
    if found is None:
        pytest.skip(f"needs the program prometheus: {_GET_IT}, or name it in FOGBED_PROMETHEUS")
    return Path(found)


@dataclass(slots=True)
class Server:
    """A Prometheus with the remote-write receiver; it may be stopped and started again."""

    program: Path
    folder: Path
    port: int
    config: str = _NO_TARGETS
    rules: str = "groups: []\n"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = f"{self.config}rule_files: [{self.folder / 'rules.yml'}]\n"
        (self.folder / "prometheus.yml").write_text(config, encoding="utf-8")
        (self.folder / "rules.yml").write_text(self.rules, encoding="utf-8")
        with (self.folder / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.program),
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.enable-remote-write-receiver",
                ],
                env={"HOME": str(self.folder), "PATH": os.defpath, "GOMAXPROCS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            said = (self.folder / "prometheus.log").read_text(encoding="utf-8")
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, f"Prometheus does not become ready: {said}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order; what it holds stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).ok
        except requests.RequestException:
            return False


@contextmanager
def serving(
    folder: Path,
    *,
    scrapes_itself_for: str | None = None,
    rules: str = "groups: []\n",
    takes_late_s: int = 0,
) -> Iterator[Server]:
    """Give a server that has started, ended afterwards; skips where there is no program.

    ``scrapes_itself_for``: the testbed that it is to be a target of. ``takes_late_s``: how old a
    sample may be beside newer ones.
    """
    program = require()
    port = free_port()
    config = _NO_TARGETS
    if scrapes_itself_for is not None:
        config += _ITSELF.format(port=port, testbed=scrapes_itself_for)
    if takes_late_s:
        config += f"storage: {{tsdb: {{out_of_order_time_window: {takes_late_s}s}}}}\n"
    server = Server(program, folder, port, config, rules)
    try:
        server.start()
        yield server
    finally:
        server.stop()
