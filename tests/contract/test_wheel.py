"""What is installed from the wheel works by itself, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ASSETS = ("experiments", "inventory", "playbooks", "profiles")


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
