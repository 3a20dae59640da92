"""How the memory of a Flink process is cut up: from one figure to JVM and Flink settings.

A TaskManager that is started without Flink's shell scripts needs every part spelled out. The parts
were measured (facts/flink.md section 7): JobManager 192-266 MB resident, TaskManager 194-243 MB.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
JOBMANAGER_DEFAULT = 512 * MIB
JOBMANAGER_LEAST = 384 * MIB
TASKMANAGER_DEFAULT = 576 * MIB
TASKMANAGER_LEAST = 512 * MIB
# In a container there is more: two S3 clients with their classes, and a kernel that kills whatever
# exceeds the whole.
POD_JOBMANAGER_DEFAULT = 640 * MIB
POD_JOBMANAGER_LEAST = 512 * MIB
POD_TASKMANAGER_DEFAULT = 768 * MIB
POD_TASKMANAGER_MOST = 1024 * MIB  # of a node whose size is known; who wants more says so

_JOBMANAGER_METASPACE = 192 * MIB
_JOBMANAGER_REST = 64 * MIB
_POD_JOBMANAGER_REST = 128 * MIB
_JOBMANAGER_OFF_HEAP = 16 * MIB
_FRAMEWORK_HEAP = 64 * MIB
_FRAMEWORK_OFF_HEAP = 64 * MIB
_METASPACE = 160 * MIB
_OVERHEAD = 128 * MIB
_NETWORK_LEAST, _NETWORK_MOST = 32 * MIB, 256 * MIB
_NETWORK_SHARE = 18  # one part in 18: 32 MiB of the default process
_FIRST_HEAP = 64 * MIB
TASK_HEAP_KEPT = 128 * MIB
"""What a job's heap keeps whatever else grows: as much as the default process leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobManagerMemory:
    """The parts of a JobManager's process memory, in bytes."""

    process: int
    heap: int
    metaspace: int

    @property
    def overhead(self) -> int:
        """What is left for stacks, code and the collector."""
        return self.process - self.heap - self.metaspace - _JOBMANAGER_OFF_HEAP

    def jvm(self) -> tuple[str, ...]:
        """Return the JVM options that hold these parts."""
        return _heap_options(self.heap, self.metaspace)

    def config(self) -> dict[str, str]:
        """Return Flink's own settings: shown on its web page, enforced by the JVM options."""
        return {"jobmanager.memory.process.size": f"{self.process}b"}

    def parts(self) -> dict[str, str]:
        """Return the settings from which Flink's own scripts make the JVM options."""
        prefix = "jobmanager.memory"
        return {
            f"{prefix}.heap.size": f"{self.heap}b",
            f"{prefix}.off-heap.size": f"{_JOBMANAGER_OFF_HEAP}b",
            f"{prefix}.jvm-metaspace.size": f"{self.metaspace}b",
            f"{prefix}.jvm-overhead.min": f"{self.overhead}b",
            f"{prefix}.jvm-overhead.max": f"{self.overhead}b",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskManagerMemory:
    """The parts of a TaskManager's process memory, in bytes."""

    process: int
    framework_heap: int
    task_heap: int
    framework_off_heap: int
    network: int
    metaspace: int
    overhead: int

    def jvm(self) -> tuple[str, ...]:
        """Return the JVM options that hold these parts."""
        direct = self.framework_off_heap + self.network
        heap = self.framework_heap + self.task_heap
        return (*_heap_options(heap, self.metaspace), f"-XX:MaxDirectMemorySize={direct}")

    def config(self) -> dict[str, str]:
        """Return Flink's own settings; it refuses to start without them."""
        prefix = "taskmanager.memory"
        return {
            f"{prefix}.framework.heap.size": f"{self.framework_heap}b",
            f"{prefix}.task.heap.size": f"{self.task_heap}b",
            f"{prefix}.framework.off-heap.size": f"{self.framework_off_heap}b",
            f"{prefix}.task.off-heap.size": "0b",
            f"{prefix}.managed.size": "0b",
            f"{prefix}.network.min": f"{self.network}b",
            f"{prefix}.network.max": f"{self.network}b",
            f"{prefix}.jvm-metaspace.size": f"{self.metaspace}b",
            f"{prefix}.jvm-overhead.min": f"{self.overhead}b",
            f"{prefix}.jvm-overhead.max": f"{self.overhead}b",
        }


def jobmanager_memory(process: int) -> JobManagerMemory:
    """Cut up ``process`` bytes (at least JOBMANAGER_LEAST)."""
    heap = process - _JOBMANAGER_METASPACE - _JOBMANAGER_REST
    return JobManagerMemory(process=process, heap=heap, metaspace=_JOBMANAGER_METASPACE)


def pod_jobmanager_memory(process: int) -> JobManagerMemory:
    """Cut up ``process`` bytes (at least POD_JOBMANAGER_LEAST), the limit of a container."""
    heap = process - _JOBMANAGER_METASPACE - _POD_JOBMANAGER_REST
    return JobManagerMemory(process=process, heap=heap, metaspace=_JOBMANAGER_METASPACE)


def pod_taskmanager_share(node: int | None) -> int:
    """Return what a TaskManager takes of a node that offers ``node`` bytes to pods.

    A quarter, for the rest of the stack, the page cache and the system are there too.
    """
    if node is None:
        return POD_TASKMANAGER_DEFAULT
    share = node // 4 // (64 * MIB) * 64 * MIB
    return min(max(share, TASKMANAGER_LEAST), POD_TASKMANAGER_MOST)


def taskmanager_memory(
    process: int, *, network: int | None = None, growth: int = 0
) -> TaskManagerMemory:
    """Cut up ``process`` bytes (at least TASKMANAGER_LEAST); the job gets what is left over.

    ``network``: bytes of network memory, None for the usual share. What it has more than that is
    added to the process, ``growth`` bytes at the most, and the rest is taken from the job's heap.
    """
    usual = usual_network(process)
    network = usual if network is None else network
    process += min(network - usual, growth)
    fixed = _FRAMEWORK_HEAP + _FRAMEWORK_OFF_HEAP + _METASPACE + _OVERHEAD
    return TaskManagerMemory(
        process=process,
        framework_heap=_FRAMEWORK_HEAP,
        task_heap=process - fixed - network,
        framework_off_heap=_FRAMEWORK_OFF_HEAP,
        network=network,
        metaspace=_METASPACE,
        overhead=_OVERHEAD,
    )


def usual_network(process: int) -> int:
    """Return the network memory of a TaskManager of ``process`` bytes, in bytes."""
    network = process // _NETWORK_SHARE // MIB * MIB
    return min(max(network, _NETWORK_LEAST), _NETWORK_MOST)


def network_to_spare(process: int, growth: int) -> int:
    """Return the bytes that network memory may have beyond its usual share.

    What the process may grow by, and what its job's heap has beyond the one of the default process.
    """
    heap = taskmanager_memory(process).task_heap
    return growth + max(heap - TASK_HEAP_KEPT, 0)


def _heap_options(heap: int, metaspace: int) -> tuple[str, ...]:
    return (
        f"-Xms{min(_FIRST_HEAP, heap)}",
        f"-Xmx{heap}",
        f"-XX:MaxMetaspaceSize={metaspace}",
        "-XX:+UseSerialGC",
    )
