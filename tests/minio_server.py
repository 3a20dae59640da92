"""A real MinIO on loopback for tests: the lab's program, or what FOGBED_MINIO names."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from benchmarks.free_ports import free_port
from fogbed.clients.object_store import ObjectStore, provision

BUCKET = "fogbed"
# the session's home is another one
_LAB = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "fogbed-lab")
_START_S = 60.0


def require() -> Path:
    """Return MinIO's program; a test without one is skipped.

    It comes from nowhere that a test could fetch it from: upstream left the registries, and a build
    takes ten minutes.
    """
    program = binary()
    if program is None:
        pytest.skip("needs MinIO's program: `lab build workload`, or FOGBED_MINIO=PATH")
    return program


def binary() -> Path | None:
    """Return MinIO's program; None where there is none."""
    named = os.environ.get("FOGBED_MINIO")
    found = Path(named) if named else _LAB / "bin" / "minio"
    return found if os.access(found, os.X_OK) else None


def plugins() -> tuple[Path, ...]:
    """Return the jars of Flink's two S3 plugins, Presto's first; () unless both are there."""
    named = os.environ.get("FOGBED_S3_PLUGINS")
    folders = [Path(named)] if named else sorted(_LAB.glob("flink-*/flink/opt"))
    for folder in folders:
        found = [sorted(folder.glob(f"flink-s3-fs-{name}-*.jar")) for name in ("presto", "hadoop")]
        if all(found):
            return tuple(jars[-1] for jars in found)
    return ()


@dataclass(slots=True)
class Server:
    """A MinIO that keeps its objects in ``folder``; it may be stopped and started again."""

    program: Path
    folder: Path
    port: int
    root_user: str = "root-of-tests"
    root_password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    access_key: str = "flink-of-tests"
    secret_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        address = f"127.0.0.1:{self.port}"
        with (self.folder / "minio.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "server", "--address", address, str(self.folder / "data")],
                env={
                    "HOME": str(self.folder),
                    "PATH": os.defpath,
                    "MINIO_BROWSER": "off",
                    "MINIO_ROOT_USER": self.root_user,
                    "MINIO_ROOT_PASSWORD": self.root_password,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            assert self.process.poll() is None, (self.folder / "minio.log").read_text()
            assert time.monotonic() < deadline, "MinIO does not become ready"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it; its objects stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def provision(self, bucket: str = BUCKET, *, savepoint_days: int = 7) -> None:
        """Make a bucket and the user of the tests."""
        provision(
            self.endpoint,
            self.root_user,
            self.root_password,
            bucket=bucket,
            access_key=self.access_key,
            secret_key=self.secret_key,
            savepoint_days=savepoint_days,
        )

    def store(self, bucket: str = BUCKET) -> ObjectStore:
        """Return a client of its own, as the tests' user."""
        return ObjectStore(self.endpoint, self.access_key, self.secret_key, bucket)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.endpoint}/minio/health/ready", timeout=2).ok
        except requests.RequestException:
            return False


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[Server]:
    """Give a server with its bucket, ended afterwards."""
    port = free_port()
    server = Server(program, folder, port)
    try:
        server.start()
        server.provision()
        yield server
    finally:
        server.stop()
