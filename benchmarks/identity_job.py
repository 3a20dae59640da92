"""The job without its search, as a second jar: the product's has only what a testbed runs.

Flink loads a job from one jar, so this one holds the product's classes too, byte for byte.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

from fogbed.clients import process
from fogbed.spec.job_description import JobDescription
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import build

SOURCE = Path(__file__).with_name("IdentityJob.java")
_COMPILE_TIMEOUT_S = 120.0


def build_identity_job(folder: Path) -> JobDescription:
    """Compile the job into ``folder`` and return its description; its operators are the product's.

    Raises:
        JobError: there is no JDK 17 or no Flink to compile with.
    """
    classes = folder / "classes"
    classes.mkdir()
    class_path = ":".join(map(str, [build.jar_path(), *build.flink_jars()]))
    argv: list[str | Path] = [build.find_javac(), "--release", str(build.RELEASE), "-proc:none"]
    argv += ["-cp", class_path, "-d", classes, SOURCE]
    process.run(argv, timeout_s=_COMPILE_TIMEOUT_S).require()
    jar = folder / "identity.jar"
    shutil.copyfile(build.jar_path(), jar)
    with zipfile.ZipFile(jar, "a") as archive:
        for path in sorted(classes.rglob("*.class")):
            archive.write(path, path.relative_to(classes).as_posix())
    # an absolute path: the product's jar is named by its file in the folder of its sources
    return replace(NEAREST_LANDMARK, entry_class="fogbed.IdentityJob", jar=str(jar))
