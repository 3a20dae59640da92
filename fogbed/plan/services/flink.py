"""What the two kinds of Flink's processes have in common, on a laptop and on Kubernetes.

The start lines are those of facts/flink.md section 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.plan.cluster import cluster_name_of, namespace_of
from fogbed.plan.flink_settings import LOCALE, POD_JAVA_OPTIONS, TIMING, java_options, to_yaml
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.services.service import Laptop, Port
from fogbed.spec.services import FLINK_VERSION
from fogbed.spec.testbed import Node, Testbed

REST = Port(name="rest", number=8081, is_forwarded=True)
RPC = Port(name="rpc", number=6123)
BLOB = Port(name="blob", number=6124)
METRICS = Port(name="metrics", number=9249)
BUCKET = "fogbed"
S3_SECRET = "flink-s3"  # noqa: S105 - the name of a Secret
USER = 9999  # uid and gid of flink in the image
# Every Flink process unpacks 21 MB, its RPC system, into its temporary folder; the rest are logs
DISK = 22 * 10**6

_ADAPTIVE = "jobmanager.adaptive-scheduler"
RESCALING = {
    f"{_ADAPTIVE}.executing.cooldown-after-rescaling": "0 ms",
    f"{_ADAPTIVE}.executing.resource-stabilization-timeout": "0 ms",
    f"{_ADAPTIVE}.submission.resource-stabilization-timeout": "0 ms",
    # how long a resubmitted job, silent meanwhile, waits for its slots (default 50 ms)
    "slotmanager.requirement-check.delay": "5 ms",
    # a namespace has no name server, and pods have no names: asking would only wait
    "jobmanager.retrieve-taskmanager-hostname": "false",
}
"""What makes the JobManager move a job at once; both schedulers' settings."""


def reporter(port: int) -> dict[str, str]:
    """Return what has a Flink process tell its metrics to Prometheus, on all its addresses.

    The reporter takes a port and no address to bind to.
    """
    factory = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    return {
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": factory,
        "metrics.reporter.prom.port": str(port),
    }


def flink_process(  # noqa: PLR0913 - every one is a fact of the process, named by the caller
    laptop: Laptop,
    service: str,
    node: Node,
    *,
    slots: int,
    options: tuple[str, ...],
    config: Mapping[str, str],
    main: tuple[str, ...],
    class_list: str,
    metrics_port: int,
) -> LocalProcess:
    """Plan a Java process that runs ``main``: a class and its own arguments.

    ``options`` are the JVM's, ``config`` what only this kind reads, and ``class_list`` the file
    into which loaded classes are recorded, "" for none. Its metrics are told at ``metrics_port``.
    """
    conf = laptop.folder / "conf" / f"{node.name}-{service}"
    log = laptop.folder / "logs" / f"{node.name}-{service}.log"
    jvm = (
        *java_options(laptop.runtime, node.cores, class_list),
        *options,
        f"-Dlog.file={log}",
        f"-Dlog4j.configurationFile={laptop.log4j.as_uri()}",
        f"-Djava.io.tmpdir={laptop.folder / 'tmp'}",
        f"-XX:ErrorFile={log.with_suffix('.crash')}",
    )
    jars = ":".join(map(str, laptop.runtime.jars))
    program = (main[0], "--configDir", str(conf), *main[1:])
    return LocalProcess(
        service=service,
        node=node.name,
        slots=slots,
        argv=(str(laptop.runtime.java), *jvm, "-cp", jars, *program),
        environment={
            **LOCALE,
            "FLINK_CONF_DIR": str(conf),
            "FLINK_LIB_DIR": str(laptop.runtime.jars[0].parent),
            "FLINK_PLUGINS_DIR": str(laptop.runtime.plugins),
        },
        files={
            str(conf / "config.yaml"): to_yaml(
                {**_common(laptop, node), **reporter(metrics_port), **config}
            )
        },
        log=log,
        output=log.with_suffix(".out"),
        metrics_port=metrics_port,
    )


def _common(laptop: Laptop, node: Node) -> dict[str, str]:
    jobmanager = laptop.addresses[laptop.testbed.jobmanager_node.name]
    return {
        "jobmanager.rpc.address": jobmanager,
        "jobmanager.rpc.port": str(RPC.number),
        "rest.address": jobmanager,
        "rest.port": str(REST.number),
        "execution.checkpointing.dir": f"{laptop.storage}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{laptop.storage}/savepoints",
        "io.tmp.dirs": str(laptop.folder / "tmp"),
        "blob.storage.directory": str(laptop.folder / "tmp"),
        "process.working-dir": str(laptop.folder / "tmp" / node.name),
        **TIMING,
    }


S3_PLUGINS = tuple(f"flink-s3-fs-{name}-{FLINK_VERSION}" for name in ("presto", "hadoop"))
"""The folders of Flink's plugins for S3: presto for state (s3p), hadoop for files (s3a)."""


def cluster_config(testbed: Testbed) -> dict[str, str]:
    """Return what every Flink process of a cluster reads; what differs is given as arguments."""
    return {
        "jobmanager.rpc.address": "jobmanager",
        "jobmanager.rpc.port": str(RPC.number),
        "jobmanager.bind-host": "0.0.0.0",  # noqa: S104 - of its pod
        "blob.server.port": str(BLOB.number),
        "rest.address": "jobmanager",
        "rest.bind-address": "0.0.0.0",  # noqa: S104 - of its pod
        "rest.bind-port": str(REST.number),
        "rest.port": str(REST.number),
        "taskmanager.bind-host": "0.0.0.0",  # noqa: S104 - of its pod
        "io.tmp.dirs": "/tmp",  # noqa: S108 - a volume of the pod's own
        "blob.storage.directory": "/tmp",  # noqa: S108 - the same
        "process.working-dir": "/tmp/flink",  # noqa: S108 - the same
        **reporter(METRICS.number),
        **TIMING,
        **RESCALING,
        **_storage(testbed),
        **(_high_availability(testbed) if testbed.services.flink.high_availability else {}),
    }


def _storage(testbed: Testbed) -> dict[str, str]:
    minio = testbed.services.minio
    bucket = bucket_of(testbed)
    return {
        "s3.endpoint": minio.endpoint or "http://minio:9000",
        "s3.path.style.access": "true",
        # keys are in the environment: no cloud's metadata service is asked for them
        "fs.s3a.aws.credentials.provider": (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        ),
        "presto.s3.use-instance-credentials": "false",
        "execution.checkpointing.dir": f"s3p://{bucket}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"s3p://{bucket}/savepoints",
    }


def _high_availability(testbed: Testbed) -> dict[str, str]:
    return {
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"s3p://{bucket_of(testbed)}/ha",
        "kubernetes.cluster-id": cluster_name_of(testbed.name),
        "kubernetes.namespace": namespace_of(testbed.name),
    }


def bucket_of(testbed: Testbed) -> str:
    """Return the bucket that a testbed's jobs read and write."""
    return testbed.services.minio.bucket or BUCKET


def pod_environment() -> dict[str, str]:
    """Return what Flink's containers are told besides their addresses and keys."""
    return {
        **LOCALE,
        # the image's entry point links the jars by these names, and ends where it has none such
        "ENABLE_BUILT_IN_PLUGINS": ";".join(f"{name}.jar" for name in S3_PLUGINS),
        "FLINK_ENV_JAVA_OPTS": " ".join(POD_JAVA_OPTIONS),
        # no instance of a cloud is asked for keys or regions
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
    }


def arguments(config: Mapping[str, str]) -> list[str]:
    """Return settings as Flink's scripts take them: in two words, and in a fixed order.

    A first one in a single word (-Dkey=value) would be taken for the JobManager's host.
    """
    return [word for key in sorted(config) for word in ("-D", f"{key}={config[key]}")]
