"""Flink's JobManager: one, on the control-plane node unless the testbed says otherwise."""

from __future__ import annotations

from typing import Any

from fogbed.plan import flink_memory
from fogbed.plan.cluster import Cluster
from fogbed.plan.flink_settings import Scheduler
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.services.flink import (
    BLOB,
    DISK,
    METRICS,
    RESCALING,
    REST,
    RPC,
    flink_process,
)
from fogbed.plan.services.service import Laptop, Service
from fogbed.spec.testbed import Node, Testbed

_MAIN = (
    "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    "--executionMode",
    "cluster",
)
_SCHEDULERS: dict[Scheduler, str] = {"adaptive": "Adaptive", "default": "Default"}


def _process(laptop: Laptop, node: Node, memory: int) -> LocalProcess:
    parts = flink_memory.jobmanager_memory(memory)
    return flink_process(
        laptop,
        JOBMANAGER.name,
        node,
        slots=0,
        # its code is never hot enough for the second compiler to pay
        options=(*parts.jvm(), "-XX:TieredStopAtLevel=1"),
        config=_config(laptop.addresses[node.name], laptop.scheduler) | parts.config(),
        main=_MAIN,
        class_list=f"{JOBMANAGER.name}.classes",
        metrics_port=METRICS.number,
    )


def _config(address: str, scheduler: Scheduler) -> dict[str, str]:
    return {
        "jobmanager.bind-host": address,
        "blob.server.port": str(BLOB.number),
        "rest.bind-address": address,
        "rest.bind-port": str(REST.number),
        "jobmanager.scheduler": _SCHEDULERS[scheduler],
        **RESCALING,
    }


def pod_memory(testbed: Testbed) -> int:
    """Return the bytes that the JobManager's container takes."""
    return testbed.services.flink.jobmanager.memory or flink_memory.POD_JOBMANAGER_DEFAULT


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what the JobManager's manifests are rendered with."""
    testbed = cluster.testbed
    memory = pod_memory(testbed)
    config = flink_memory.pod_jobmanager_memory(memory).parts()
    config["jobmanager.scheduler"] = _SCHEDULERS[cluster.facts.scheduler]
    return {
        "image": cluster.image(JOBMANAGER.name),
        "node": testbed.jobmanager_node,
        "host": cluster.host(testbed.jobmanager_node),
        "own_config": config,
        "memory": memory,
        "ports": [*JOBMANAGER.ports, METRICS],
        "service_ports": JOBMANAGER.ports,
        "survives": testbed.services.flink.high_availability,
    }


def scheduler_of(config: str) -> Scheduler | None:
    """Return the scheduler that a JobManager's ``config.yaml`` names; None if it names none."""
    for line in config.splitlines():
        key, _, value = line.partition(": ")
        if key == "jobmanager.scheduler":
            return next((name for name, each in _SCHEDULERS.items() if each in value), None)
    return None


JOBMANAGER = Service(
    name="jobmanager",
    title="the JobManager",
    ports=(REST, RPC, BLOB),
    readiness="answers",
    least_memory=flink_memory.JOBMANAGER_LEAST,
    disk=DISK,
    nodes=lambda testbed: (testbed.jobmanager_node,),
    starts_on=lambda _testbed, _node: True,
    memory=lambda testbed, _node: (
        testbed.services.flink.jobmanager.memory or flink_memory.JOBMANAGER_DEFAULT
    ),
    process=_process,
)
