"""What every test gets: a home of its own, and an environment that must stay as it was.

With ``-n 2 --dist loadgroup`` (pytest-xdist), as ``make test`` has it, one process begins with all
that starts Flink, the other with all else that emulates a network; then both take the rest, file by
file.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from fogbed.platforms import preflight

# minio_server.py, beside us; test folders are not packages
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("emulation_promises")

# Speed is shown by benchmarks; a busy machine must not fail a property. `make test` asks for the
# thorough profile; while one writes, a property is tried with fewer examples.
settings.register_profile("quick", deadline=None, max_examples=15)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


# What is never two at a time, by the markers that say so. One of each may be, as on any busy
# computer: Flink takes processors, and what emulates a network mostly waits.
ONE_AT_A_TIME = {"flink": ("flink", "machine"), "netns": ("netns",)}


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a home of its own, before any test module is imported.

    It is short: a Unix socket's path has room for 107 bytes.
    """
    # a shell's `&` hands SIGINT on as ignored, to us and to every program that we start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="fogbed-test-"))
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(home))
    for variable, folder in {
        "XDG_CACHE_HOME": "cache",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_RUNTIME_DIR": "run",
        "XDG_STATE_HOME": "state",
    }.items():
        (home / folder).mkdir(mode=0o700)
        patch.setenv(variable, str(home / folder))
    # Output is compared word by word: the same width everywhere, and no colours.
    patch.setenv("COLUMNS", "100")
    patch.setenv("NO_COLOR", "1")
    patch.setenv("MPLBACKEND", "agg")
    for variable in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        patch.delenv(variable, raising=False)
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    config.add_cleanup(patch.undo)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give a group to one process, and other tests by file to whoever is free."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling  # noqa: PLC0415 - there with `-n` only

    class GroupsAndFiles(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).split("::", maxsplit=1)[0]

    config.option.loadscopereorder = False  # in the order of the items, which is below
    return GroupsAndFiles(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads who is of which group
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the groups, which take longest, where tests are shared out."""
    if hasattr(config, "workerinput"):
        for item in items:
            if group := _group(item):
                item.add_marker(pytest.mark.xdist_group(group))
        items.sort(key=lambda item: [*ONE_AT_A_TIME, ""].index(_group(item)))
    _skip_without_namespaces(items)


def _group(item: pytest.Item) -> str:
    found = (
        name for name, marks in ONE_AT_A_TIME.items() if any(map(item.get_closest_marker, marks))
    )
    return next(found, "")


def _skip_without_namespaces(items: list[pytest.Item]) -> None:
    """Skip what needs namespaces where this user cannot make them, and say why."""
    need = [i for i in items if i.get_closest_marker("netns") or i.get_closest_marker("flink")]
    if not need:
        return
    namespaces = preflight.check_namespaces()
    if namespaces.ok:
        return
    reason = f"needs network namespaces: {namespaces.found}; make demo says how to mend it"
    for item in need:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _environment_stays_as_it_was() -> Iterator[None]:
    before = _environment()
    yield
    assert _environment() == before, "the test left os.environ changed"


def _environment() -> dict[str, str]:
    # pytest itself notes there which test is under way
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that no other test shares, for tests of what is kept there."""
    for variable, folder in {
        "XDG_CACHE_HOME": "cache",
        "XDG_DATA_HOME": "data",
        "XDG_STATE_HOME": "state",
    }.items():
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A real MinIO with a bucket, for the whole session."""
    import minio_server  # noqa: PLC0415 - only who asks for it waits for its client

    with minio_server.serving(minio_server.require(), tmp_path_factory.mktemp("minio")) as server:
        yield server
