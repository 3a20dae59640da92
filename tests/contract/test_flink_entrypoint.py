"""The entry point of our image of Flink, without a container: real Flink on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

from benchmarks.free_ports import free_port
from fogbed import paths
from fogbed.platforms.local.java import find_flink, find_java

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
START_S = 180.0  # two Java processes each, beside whatever else runs


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What the image has in /opt/flink; conf cannot be written, as with a ConfigMap."""
    folder = tmp_path_factory.mktemp("flink")
    package = find_flink()[1].parent
    for part in ("bin", "lib"):
        (folder / part).symlink_to(package / part)
    for part in ("opt", "plugins", "log", "conf"):
        (folder / part).mkdir()
    (folder / "opt" / "a-plugin.jar").touch()
    for name, place in {"log4j-console.properties": "", "config.yaml": "conf"}.items():
        shutil.copy(paths.asset("images", "flink", name), folder / place / name)
    (folder / "conf").chmod(0o555)
    return folder


@pytest.fixture
def environment(home):
    java = Path(find_java().program).parent
    return {
        "FLINK_HOME": str(home),
        "PATH": f"{java}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
    }


def run(environment, *words, **more):
    return subprocess.run(
        [paths.asset("images", "flink", "entrypoint.sh"), *words],
        check=False,
        env=environment | more,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def start(environment, tmp_path):
    started = []

    def start(*words, **more):
        log = tmp_path / f"{words[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [paths.asset("images", "flink", "entrypoint.sh"), *words],
                env=environment | more,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process, log

    yield start
    for process in reversed(started):
        process.terminate()
        process.wait()


def ask(url, process, log, has=bool):
    """Return a JSON answer as soon as there is one that has what is looked for."""
    until = time.monotonic() + START_S
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < until:
            assert process.poll() is None, log.read_text(encoding="utf-8")[-4000:]
            try:
                answer = session.get(url, timeout=5)
                # as long as no leader is elected it answers with errors
                found = answer.json() if answer.ok else None
            except requests.RequestException:
                found = None
            if found and has(found):
                return found
            time.sleep(0.2)
    raise AssertionError(log.read_text(encoding="utf-8")[-4000:])


def has_slots(answer):
    """Whether a TaskManager has registered and said what it offers, which it does one by one."""
    return any(each["slotsNumber"] for each in answer["taskmanagers"])


def test_a_taskmanager_registers_and_every_setting_counts_with_a_read_only_conf(start, home):
    rpc, rest, blob = (free_port() for _ in range(3))
    shared = {
        "JOB_MANAGER_RPC_ADDRESS": "localhost",
        "PORT": str(rpc),
        "FLINK_PROPERTIES": "jobmanager.rpc.port: ${PORT}\n  taskmanager.host : 127.0.0.1  \n\n"
        "env.java.opts.all: -Dfirst=1 -Dsecond=2\nrest.port: 1\n"
        # a busy machine is no fault
        "pekko.startup-timeout: 150 s\npekko.ask.timeout: 60 s",
    }
    words = ("jobmanager", "localhost", "-D", f"rest.port={rest}", "-D", f"blob.server.port={blob}")
    jobmanager, log = start(*words, **shared | {"JOB_MANAGER_RPC_ADDRESS": "nowhere.invalid"})
    url = f"http://127.0.0.1:{rest}"
    settings = {
        each["key"]: each["value"] for each in ask(f"{url}/jobmanager/config", jobmanager, log)
    }
    assert settings["jobmanager.rpc.address"] == "localhost"
    assert settings["jobmanager.rpc.port"] == str(rpc)
    assert settings["blob.server.port"] == str(blob)
    environment = ask(f"{url}/jobmanager/environment", jobmanager, log)
    assert {"-Dfirst=1", "-Dsecond=2"} <= set(environment["jvm"]["options"])
    taskmanager, log = start(
        *("taskmanager", "-D", "taskmanager.resource-id=pico-1"),
        **shared,
        TASK_MANAGER_NUMBER_OF_TASK_SLOTS="3",
    )
    (found,) = ask(f"{url}/taskmanagers", taskmanager, log, has_slots)["taskmanagers"]
    assert (found["id"], found["slotsNumber"]) == ("pico-1", 3)
    assert [path.name for path in (home / "conf").iterdir()] == ["config.yaml"]


def test_memory_that_flink_refuses_is_told(environment):
    done = run(environment, "taskmanager", "-D", "taskmanager.memory.process.size=200m")
    assert done.returncode == 1
    assert "Flink refuses its settings" in done.stderr
    assert "200.000mb" in done.stderr


def test_plugins_are_enabled_by_name_and_an_unknown_one_ends_the_start(environment, home):
    assert run(environment, "true", ENABLE_BUILT_IN_PLUGINS="a-plugin.jar").returncode == 0
    # again, as after a restart of the container
    assert run(environment, "true", ENABLE_BUILT_IN_PLUGINS="a-plugin.jar;").returncode == 0
    assert (home / "plugins" / "a-plugin" / "a-plugin.jar").exists()
    done = run(environment, "true", ENABLE_BUILT_IN_PLUGINS="a-plugin.jar;gone.jar")
    assert done.returncode == 1
    assert "there is no plugin gone.jar" in done.stderr


def test_another_command_is_run_and_help_lists_the_variables(environment):
    assert run(environment, "echo", "a  b").stdout == "a  b\n"
    told = run(environment, "help").stdout
    for name in ("FLINK_PROPERTIES", "JOB_MANAGER_RPC_ADDRESS", "ENABLE_BUILT_IN_PLUGINS"):
        assert name in told
