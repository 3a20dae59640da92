"""What the two kinds of Flink's processes have in common.

The start lines are those of facts/flink.md section 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.plan.flink_settings import LOCALE, TIMING, java_options, to_yaml
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.services.service import Laptop, Port
from fogbed.spec.testbed import Node

REST = Port(name="rest", number=8081, is_forwarded=True)
RPC = Port(name="rpc", number=6123)
BLOB = Port(name="blob", number=6124)
# Every Flink process unpacks 21 MB, its RPC system, into its temporary folder; the rest are logs
DISK = 22 * 10**6


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
) -> LocalProcess:
    """Plan a Java process that runs ``main``: a class and its own arguments.

    ``options`` are the JVM's, ``config`` what only this kind reads, and ``class_list`` the file
    into which loaded classes are recorded, "" for none.
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
        files={str(conf / "config.yaml"): to_yaml({**_common(laptop, node), **config})},
        log=log,
        output=log.with_suffix(".out"),
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
