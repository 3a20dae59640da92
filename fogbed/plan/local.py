"""A testbed on one computer as plain values: addresses, Flink settings, command lines.

Each node is a network namespace with the address 10.77.<testbed number>.<node number + 1>/24. The
start lines are those of facts/flink.md section 0. Nothing here touches the computer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fogbed.errors import UsageError
from fogbed.plan import flink_memory
from fogbed.plan.flink_settings import (
    LOCALE,
    TIMING,
    Runtime,
    java_options,
    jobmanager_config,
    taskmanager_config,
)
from fogbed.plan.local_processes import REST_PORT, FlinkProcess, LocalNode, LocalPlan, Role
from fogbed.spec.testbed import FLINK_VERSION, Node, Testbed
from fogbed.units import format_memory

MOST_NODES = 253
# Every Flink process unpacks 21 MB, its RPC system, into its temporary folder; the rest are logs
_ROOM_PER_PROCESS, _ROOM_BESIDES = 22 * 10**6, 10 * 10**6

_MAIN: dict[Role, tuple[str, ...]] = {
    "jobmanager": (
        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
        "--executionMode",
        "cluster",
    ),
    "taskmanager": ("org.apache.flink.runtime.taskexecutor.TaskManagerRunner",),
}


def plan_local(  # noqa: PLR0913 - every one is a fact of the computer, named by the caller
    testbed: Testbed,
    runtime: Runtime,
    *,
    number: int,
    folder: Path,
    storage: str,
    log4j: Path,
    scheduler: str,
) -> LocalPlan:
    """Plan a testbed that keeps its files in ``folder``.

    That, ``log4j`` and the paths of ``runtime`` must be plain (``fogbed.links``): class paths,
    lists of folders and log4j's patterns have no spelling for every character. ``storage`` is the
    same folder as Flink's file system reads it: what jobs leave there is named by it for good.

    Raises:
        UsageError: as for ``require_local``.
    """
    require_local(testbed)
    nodes = tuple(
        LocalNode(
            name=node.name,
            address=f"10.77.{number}.{position + 1}",
            cores=node.cores,
            memory=node.memory,
        )
        for position, node in enumerate(testbed.nodes)
    )
    addresses = {node.name: node.address for node in nodes}
    writer = _Writer(testbed, runtime, folder, storage, log4j, addresses, scheduler)
    return LocalPlan(
        name=testbed.name,
        nodes=nodes,
        jobmanager=writer.jobmanager(),
        taskmanagers=tuple(writer.taskmanager(node) for node in testbed.nodes),
        workers=tuple(node.name for node in testbed.nodes if node.taskmanager),
    )


def require_local(testbed: Testbed) -> None:
    """Return if this testbed can run on one computer.

    Raises:
        UsageError: it cannot; every reason at once.
    """
    problems = local_problems(testbed)
    if problems:
        raise UsageError(
            f"testbed {testbed.name} cannot run on this computer as written",
            details="\n".join(problems),
        )


def local_problems(testbed: Testbed) -> list[str]:
    """Return every reason why this testbed cannot run on one computer, with the way out."""
    flink, problems = testbed.services.flink, []
    if len(testbed.nodes) > MOST_NODES:
        problems.append(f"nodes: {len(testbed.nodes)} are too many; at most {MOST_NODES} on local")
    if flink.version != FLINK_VERSION:
        problems.append(
            f"services.flink.version: {flink.version} is not here; local runs {FLINK_VERSION}"
        )
    for node in testbed.nodes:
        problems += _memory_problems(testbed, node)
    return problems


def _memory_problems(testbed: Testbed, node: Node) -> list[str]:
    problems = []
    needed = 0
    if node.name == testbed.jobmanager_node.name:
        jobmanager = jobmanager_bytes(testbed)
        needed += jobmanager
        problems += _too_little("the JobManager", node, jobmanager, flink_memory.JOBMANAGER_LEAST)
    if node.taskmanager:
        taskmanager = taskmanager_bytes(testbed, node)
        needed += taskmanager
        least = flink_memory.TASKMANAGER_LEAST
        problems += _too_little("the TaskManager", node, taskmanager, least)
    if not problems and node.memory is not None and needed > node.memory:
        problems.append(
            f"nodes[{node.name}].memory: {format_memory(node.memory)} is less than what runs there"
            f"; write at least {format_memory(needed)}, or less under services.flink"
        )
    return problems


def _too_little(what: str, node: Node, given: int, least: int) -> list[str]:
    if given >= least:
        return []
    left = f"{format_memory(max(given, 0))} is left for {what}"
    return [f"nodes[{node.name}]: {left}; it needs at least {format_memory(least)}"]


def room_needed(testbed: Testbed) -> int:
    """Return how many bytes of disk the testbed takes while it is up and no job has run."""
    processes = 1 + sum(node.taskmanager for node in testbed.nodes)
    return processes * _ROOM_PER_PROCESS + _ROOM_BESIDES


def jobmanager_bytes(testbed: Testbed) -> int:
    """Return the process memory of the JobManager."""
    return testbed.services.flink.jobmanager.memory or flink_memory.JOBMANAGER_DEFAULT


def taskmanager_bytes(testbed: Testbed, node: Node) -> int:
    """Return the process memory of a node's TaskManager: as written, else what its node has left.

    A node without a limit gives it the default.
    """
    written = testbed.services.flink.taskmanager.memory
    if written is not None:
        return written
    if node.memory is None:
        return flink_memory.TASKMANAGER_DEFAULT
    has_jobmanager = node.name == testbed.jobmanager_node.name
    return node.memory - (jobmanager_bytes(testbed) if has_jobmanager else 0)


@dataclass(frozen=True, slots=True)
class _Writer:
    testbed: Testbed
    runtime: Runtime
    folder: Path
    storage: str
    log4j: Path
    addresses: dict[str, str]
    scheduler: str

    def jobmanager(self) -> FlinkProcess:
        node = self.testbed.jobmanager_node
        memory = flink_memory.jobmanager_memory(jobmanager_bytes(self.testbed))
        config = self._common(node) | jobmanager_config(self.addresses[node.name], self.scheduler)
        # its code is never hot enough for the second compiler to pay
        options = (*memory.jvm(), "-XX:TieredStopAtLevel=1")
        return self._process("jobmanager", node, 0, options, config | memory.config())

    def taskmanager(self, node: Node) -> FlinkProcess:
        flink = self.testbed.services.flink
        slots = node.slots or flink.taskmanager.slots
        process = max(taskmanager_bytes(self.testbed, node), flink_memory.TASKMANAGER_LEAST)
        memory = flink_memory.taskmanager_memory(process)
        config = self._common(node) | taskmanager_config(node, self.addresses[node.name], slots)
        return self._process("taskmanager", node, slots, memory.jvm(), config | memory.config())

    def _process(
        self, role: Role, node: Node, slots: int, options: tuple[str, ...], config: dict[str, str]
    ) -> FlinkProcess:
        conf = self.folder / "conf" / f"{node.name}-{role}"
        log = self.folder / "logs" / f"{node.name}-{role}.log"
        jvm = (
            *java_options(self.runtime, node.cores, self._class_list(role, node)),
            *options,
            f"-Dlog.file={log}",
            f"-Dlog4j.configurationFile={self.log4j.as_uri()}",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-XX:ErrorFile={log.with_suffix('.crash')}",
        )
        main = (_MAIN[role][0], "--configDir", str(conf), *_MAIN[role][1:])
        jars = ":".join(map(str, self.runtime.jars))
        return FlinkProcess(
            role=role,
            node=node.name,
            slots=slots,
            argv=(str(self.runtime.java), *jvm, "-cp", jars, *main),
            environment={
                **LOCALE,
                "FLINK_CONF_DIR": str(conf),
                "FLINK_LIB_DIR": str(self.runtime.jars[0].parent),
                "FLINK_PLUGINS_DIR": str(self.runtime.plugins),
            },
            config=config,
            conf=conf,
            log=log,
            output=log.with_suffix(".out"),
        )

    def _class_list(self, role: Role, node: Node) -> str:
        # one process of a kind records: several would write into the same file
        first = next((other for other in self.testbed.nodes if other.taskmanager), node)
        return f"{role}.classes" if role == "jobmanager" or node.name == first.name else ""

    def _common(self, node: Node) -> dict[str, str]:
        jobmanager = self.addresses[self.testbed.jobmanager_node.name]
        return {
            "jobmanager.rpc.address": jobmanager,
            "jobmanager.rpc.port": "6123",
            "rest.address": jobmanager,
            "rest.port": str(REST_PORT),
            "execution.checkpointing.dir": f"{self.storage}/checkpoints",
            "execution.checkpointing.savepoint-dir": f"{self.storage}/savepoints",
            "io.tmp.dirs": str(self.folder / "tmp"),
            "blob.storage.directory": str(self.folder / "tmp"),
            "process.working-dir": str(self.folder / "tmp" / node.name),
            **TIMING,
        }
