"""Flink's settings and JVM options: what ``config.yaml`` and the command line say.

Only ``config.yaml`` is read by Flink 2.x. The names of the keys were tried with 2.2.1
(facts/flink.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Scheduler = Literal["adaptive", "default"]
"""What schedules a session cluster's jobs: the first rescales in place, the second pins."""
# Java reads and writes file names in the encoding of its locale (sun.jnu.encoding, which cannot be
# set by itself): in C, every letter beyond ASCII becomes a question mark.
LOCALE = {"LC_ALL": "C.UTF-8"}
# from this Java on, what Flink does for speed is warned of unless it is allowed (JEP 472, JEP 498)
_WARNS_FROM = 24
_EXPORTED = ("java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
_OPENED = (
    *("java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect"),
    *("java.text", "java.time", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.util.concurrent.locks"),
)


_ACCESS = (
    *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTED),
    *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED),
)
# no files in /tmp that a killed process leaves behind
_ALWAYS = ("-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.net.preferIPv4Stack=true")

# of the image's Java 17; memory is cut by Flink's own scripts there
POD_JAVA_OPTIONS = (*_ACCESS, *_ALWAYS, "-XX:+UseSerialGC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What runs Flink here: a Java program, Flink's jars and plugins, a class-data archive."""

    java: Path
    java_version: str
    jars: tuple[Path, ...]
    plugins: Path
    archive: Path | None = None
    class_lists: Path | None = None  # a folder: where to record loaded classes, if anywhere

    @property
    def feature(self) -> int:
        """The first number of Java's version, as in 17."""
        return int(self.java_version.split(".")[0])


def to_yaml(config: Mapping[str, str]) -> str:
    """Return Flink's ``config.yaml``: flat keys, sorted; JSON strings are YAML strings."""
    lines = [f"{key}: {json.dumps(config[key])}" for key in sorted(config)]
    return "\n".join(["# Rendered by fogbed; edit the testbed's spec instead.", *lines, ""])


# Short times, because everything is on one computer; a process that dies refuses connections,
# which ends the wait for it long before heartbeat.timeout (facts/flink.md section 5), while a
# busy computer may well keep a living one silent for some seconds.
TIMING = {
    "heartbeat.interval": "500 ms",
    "heartbeat.timeout": "10 s",
    "heartbeat.rpc-failure-threshold": "2",
    "pekko.startup-timeout": "60 s",
    "cluster.registration.initial-timeout": "200 ms",
    "cluster.registration.max-timeout": "2 s",
    "cluster.registration.error-delay": "200 ms",
    "cluster.registration.refused-registration-delay": "500 ms",
    # a sampler that asks every second must not meet the same copy twice (facts: 1000 ms would)
    "metrics.fetcher.update-interval": "250 ms",
    "web.refresh-interval": "100 ms",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "1000",
    "restart-strategy.fixed-delay.delay": "100 ms",
}


def java_options(runtime: Runtime, cores: float | None, class_list: str) -> tuple[str, ...]:
    """Return the JVM options that do not depend on memory; ``class_list`` "" records nothing."""
    options = [*_ACCESS, *_ALWAYS]
    if runtime.feature >= _WARNS_FROM:
        options += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    if cores is not None:
        options.append(f"-XX:ActiveProcessorCount={math.ceil(cores)}")
    if runtime.archive is not None:
        # one that does not fit is passed over, and that is no news
        options += [f"-XX:SharedArchiveFile={runtime.archive}", "-Xshare:auto", "-Xlog:cds=off"]
    elif runtime.class_lists is not None and class_list:
        options.append(f"-XX:DumpLoadedClassList={runtime.class_lists / class_list}")
    return tuple(options)
