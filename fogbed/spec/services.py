"""What a testbed offers: its services, each with where it is and what it holds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from fogbed import units
from fogbed.spec.base import DurationS, Memory, Spec, duration_within, memory_from
from fogbed.spec.image_names import Image
from fogbed.spec.kubernetes import Url

# The wheel that the laptop platform starts Flink from, and what other platforms run by default.
FLINK_VERSION = "2.2.1"
Slots = Annotated[int, Field(ge=1, le=1000)]
_OBJECT = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LONGEST_S = 10 * 365 * 86400.0  # what is kept; Prometheus has no number for much more
_LONGEST_OBJECT = 253  # RFC 1123, as Kubernetes takes names of classes and Secrets
USUAL_SEGMENT, LARGEST_SEGMENT = 2**15, 2**22
"""Flink's own size of a network buffer, and the largest that may be written, in bytes."""


def _folder_on_node(text: str) -> str:
    if re.fullmatch(r"/[A-Za-z0-9._/-]*[A-Za-z0-9._-]", text) and ".." not in text:
        return text
    raise ValueError(f"{text!r} is not a folder on a node; write one like /srv/minio")


def _object_name(text: str) -> str:
    if len(text) <= _LONGEST_OBJECT and _OBJECT.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is not a name in Kubernetes; write one like local-path")


def _bucket(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        return text
    raise ValueError(f"{text!r} is not the name of a bucket; write one like fogbed")


FolderOnNode = Annotated[
    str,
    AfterValidator(_folder_on_node),
    WithJsonSchema({"type": "string", "examples": ["/srv/minio"]}),
]
ObjectName = Annotated[
    str,
    AfterValidator(_object_name),
    WithJsonSchema({"type": "string", "examples": ["local-path"]}),
]
BucketName = Annotated[
    str,
    AfterValidator(_bucket),
    WithJsonSchema({"type": "string", "examples": ["fogbed"]}),
]


def _long_links(value: object) -> object:
    if value in ("auto", "off"):
        return value
    size = units.parse_memory(value)
    if USUAL_SEGMENT <= size <= LARGEST_SEGMENT and size.bit_count() == 1:
        return size
    least, most = units.format_memory(USUAL_SEGMENT), units.format_memory(LARGEST_SEGMENT)
    raise ValueError(
        f"{value!r} is not a power of two from {least} to {most}; write auto, off, or one like 256k"
    )


def _shown_long_links(value: str | int) -> str:
    return value if isinstance(value, str) else units.format_memory(value)


LongLinks = Annotated[
    Literal["auto", "off"] | int,
    BeforeValidator(_long_links),
    PlainSerializer(_shown_long_links, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^(auto|off|{units.MEMORY.pattern.strip('^$')})$",
            "examples": ["auto", "off", "256k"],
        }
    ),
]


class JobManager(Spec):
    """Where the JobManager runs and its process memory in bytes."""

    node: str | None = None
    memory: Memory | None = None


class TaskManagers(Spec):
    """What every TaskManager has unless its node says otherwise."""

    slots: Slots = 1
    memory: Memory | None = None


class Flink(Spec):
    """The session cluster.

    ``image`` and ``high_availability`` are for clusters: the image that its pods run, and whether
    jobs survive the JobManager's node (its leader is elected through Kubernetes).

    ``long_links``: the size of a network buffer in bytes; ``auto`` chooses it from an experiment's
    network and job, ``off`` leaves it as Flink has it.
    """

    version: str = FLINK_VERSION
    image: Image | None = None
    high_availability: bool = False
    scheduler: Literal["auto", "adaptive", "default"] = "auto"
    long_links: LongLinks = "auto"
    jobmanager: JobManager = JobManager()
    taskmanager: TaskManagers = TaskManagers()


class Minio(Spec):
    """Object storage on clusters; None for ``enabled``: wherever Flink runs on a cluster.

    Its data is on a volume of ``size`` bytes: of ``storage_class``, else in the folder
    ``host_path`` of ``node``, else of the cluster's default class, else below /var/lib/fogbed of a
    node. Savepoints go after ``retention`` seconds.

    ``endpoint`` is a store of the user's own in its place, with its ``bucket`` and ``secret``: the
    name of a Secret in the testbed's namespace with the keys access-key and secret-key.
    """

    enabled: bool | None = None
    node: str | None = None
    image: Image | None = None
    storage_class: ObjectName | None = None
    host_path: FolderOnNode | None = None
    size: Annotated[Memory, memory_from(2**30)] = 10 * 2**30
    retention: Annotated[DurationS, duration_within(86400, _LONGEST_S)] = 7 * 86400.0
    endpoint: Url | None = None
    bucket: BucketName | None = None
    secret: ObjectName | None = None


class Prometheus(Spec):
    """Figures of the testbed over time; on the platforms whose abilities have it.

    Its data is on a volume of ``size`` bytes that is found as MinIO's is. Figures go after
    ``retention`` seconds, and the oldest ones before that when the volume fills up. Flink and the
    nodes are asked every ``scrape_interval`` seconds.
    """

    enabled: bool = False
    node: str | None = None
    image: Image | None = None
    storage_class: ObjectName | None = None
    host_path: FolderOnNode | None = None
    size: Annotated[Memory, memory_from(2**30)] = 5 * 2**30
    # what is on disk goes in blocks of two hours
    retention: Annotated[DurationS, duration_within(7200, _LONGEST_S)] = 7 * 86400.0
    scrape_interval: Annotated[DurationS, duration_within(1, 60)] = 5.0


class Grafana(Spec):
    """Dashboards of what Prometheus knows; on the platforms whose abilities have it.

    ``enabled``: None for a cluster without one, and for a laptop that has one where its program
    is there. With ``viewer`` whoever reaches it sees them without a password, and changes nothing.
    """

    enabled: bool | None = None
    node: str | None = None
    image: Image | None = None
    viewer: bool = False


class Services(Spec):
    """What runs on the testbed."""

    flink: Flink = Flink()
    minio: Minio = Minio()
    prometheus: Prometheus = Prometheus()
    grafana: Grafana = Grafana()
