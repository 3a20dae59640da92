"""What is installed from the wheel works by itself, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ASSETS = ("ansible.cfg", "experiments", "images", "inventory", "manifests", "playbooks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        check=True,
        cwd=CHECKOUT,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", folder, wheel], check=True, capture_output=True)
    return folder


def tracked(*folders: str) -> set[str]:
    """Files of the working tree that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        check=True,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    return {line for line in listed.stdout.splitlines() if (CHECKOUT / line).exists()}


def run_installed(installed, folder, *argv):
    return subprocess.run(
        [sys.executable, "-m", "fogbed", *argv],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def test_it_holds_what_git_holds_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    held = {name for name in names if ".dist-info/" not in name}
    wanted = tracked("fogbed") | {f"fogbed/_assets/{name}" for name in tracked(*ASSETS)}
    assert held == wanted


def test_what_is_a_link_here_is_a_file_there(wheel):
    links = [name for name in tracked(*ASSETS) if (CHECKOUT / name).is_symlink()]
    assert links
    with zipfile.ZipFile(wheel) as archive:
        for name in links:
            assert archive.read(f"fogbed/_assets/{name}") == (CHECKOUT / name).read_bytes()


# What is no module: where it is, and who names it. The group is the name that is looked for.
CODE, PLAYS = ("fogbed/", (".py",)), ("playbooks/", (".yml", ".j2", ".py"))
USERS = {
    r"experiments/(demo\.yml)": CODE,
    r"experiments/profiles/(metro)\.yml": ("experiments/", (".yml",)),
    r"experiments/profiles/([\w-]+)\.yml": ("docs/", (".md",)),
    r"experiments/profiles/traces/([\w-]+\.csv)": ("experiments/profiles/", (".yml",)),
    r"experiments/matrices/([\w-]+\.(?:csv|yml))": ("docs/", (".md",)),
    r"(inventory)/(?:kind|laptop|pico)\.yml": CODE,
    r"fogbed/experiment/report/(report\.html\.j2)": CODE,
    r"fogbed/platforms/local/(log4j2\.properties)": CODE,
    r"fogbed/stream_job/builtin/(nyc-sample)\.(?:csv\.xz|json)": CODE,
    r"fogbed/stream_job/builtin/(nyc-famous|gesbed-3)\.csv": CODE,
    r"fogbed/stream_job/builtin/(taxi-zones\.csv)": CODE,
    r"fogbed/stream_job/(java)/fogbed/\w+\.java": CODE,
    r"fogbed/stream_job/java/(nearest-landmark\.jar)": CODE,
    r"(ansible\.cfg)": CODE,
    r"images/(flink|agent)/Dockerfile": CODE,
    r"images/flink/(entrypoint\.sh|log4j-console\.properties|config\.yaml)": ("images/", ("file",)),
    r"images/flink/(plugins\.sha256)": CODE,
    r"playbooks/([\w-]+)\.yml": CODE,
    r"playbooks/(?:action_plugins|library|module_utils)/(\w+)\.py": PLAYS,
    r"playbooks/module_utils/(doctor)/__init__\.py": PLAYS,
    r"playbooks/module_utils/doctor/(?!__)(\w+)\.py": PLAYS,
    r"playbooks/become_plugins/(\w+)\.py": ("ansible.cfg", (".cfg",)),
    r"playbooks/roles/(\w+)/(?:defaults|meta|tasks|vars)/main\.yml": PLAYS,
    r"playbooks/roles/(\w+)/meta/argument_specs\.yml": PLAYS,
    r"playbooks/roles/fogbed/defaults/main/(settings|versions)\.yml": CODE,
    r"playbooks/roles/\w+/tasks/(?!main)(\w+)\.yml": PLAYS,
    r"playbooks/roles/\w+/templates/([\w.-]+)\.j2": PLAYS,
    r"manifests/[\w-]+/([\w-]+)\.yaml\.j2": CODE,
    r"manifests/(macros\.j2)": ("manifests/", (".j2",)),
    r"manifests/shaper/(shaper\.py)": CODE,
    r"manifests/flink/(log4j-console\.properties)": CODE,
    r"manifests/grafana/dashboards/(\w+)\.json": CODE,
    r"manifests/prometheus/(prometheus\.yml\.j2)": CODE,
    r"manifests/prometheus/rules/(recording\.yml|alerts\.yml)": CODE,
}
# Files that people or their tools read.
READ = {
    "experiments/profiles/none.yml",
    "fogbed/__init__.pyi",
    "fogbed/py.typed",
    "fogbed/stream_job/builtin/README.md",
    "images/README.md",
}


def users_of(asset: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the names under which an asset is used, all of them, and where."""
    if asset.startswith("playbooks/filter_plugins/"):
        table = (CHECKOUT / asset).read_text(encoding="utf-8")
        return [(name, *PLAYS) for name in re.findall(r'"(\w+)": \w+', table)]
    rows = [(re.fullmatch(row, asset), users) for row, users in USERS.items()]
    return [(found[1], *users) for found, users in rows if found]


def is_named(asset: str, name: str, folder: str, suffixes: tuple[str, ...]) -> bool:
    """Say whether a file of a folder other than ``asset`` itself has the name, as a whole word."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    texts = (
        (CHECKOUT / user).read_text(encoding="utf-8")
        for user in tracked(folder)
        if user != asset and user.endswith(suffixes)
    )
    return any(word.search(text) for text in texts)


def test_every_asset_has_a_user():
    held = tracked("fogbed", *ASSETS) - READ
    assets = {name for name in held if not re.fullmatch(r"fogbed/.*\.py", name)}
    users = {asset: users_of(asset) for asset in sorted(assets)}
    dead = [
        asset
        for asset, named in users.items()
        if not named or not all(is_named(asset, *each) for each in named)
    ]
    assert dead == []
    unused = [row for row in USERS if not any(re.fullmatch(row, asset) for asset in assets)]
    assert unused == []


def test_it_carries_its_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("licenses/LICENSE")]
        assert b"Apache License" in archive.read(name)


def test_the_demo_can_be_planned_in_an_empty_folder(installed, tmp_path):
    done = run_installed(installed, tmp_path, "demo", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "nearest" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (("rides", "list"), "nyc-sample"),
        (("landmarks", "list"), "nyc-famous"),
        (("demo", "--help"), "fogbed demo"),
    ],
)
def test_built_in_assets_are_found(installed, tmp_path, argv, shown):
    done = run_installed(installed, tmp_path, *argv)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_its_playbooks_find_their_roles_and_modules(installed):
    assets = installed / "fogbed" / "_assets"
    program = Path(sys.executable).with_name("ansible-playbook")
    books = [f"playbooks/{path.name}" for path in sorted(assets.glob("playbooks/*.yml"))]
    done = subprocess.run(
        [program, "--syntax-check", "-i", "localhost,", *books],
        check=False,
        cwd=assets,
        env={name: text for name, text in os.environ.items() if name != "ANSIBLE_CONFIG"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_the_wheel_that_ran(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import fogbed; print(fogbed.__file__)"],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(installed)
