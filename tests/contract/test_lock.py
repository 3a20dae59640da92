"""The lock file pins everything, with hashes and without addresses."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCK = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = re.split(r"\n(?=\S)", LOCK.strip())


def asked() -> list[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    requirements = [
        *project["project"]["dependencies"],
        *chain.from_iterable(extras.values()),
        *chain.from_iterable(project["dependency-groups"].values()),
    ]
    own = project["project"]["name"]  # an extra may ask for another one
    names = [re.split(r"[<>=~!\[; ]", text)[0].lower().replace(".", "-") for text in requirements]
    return [name for name in names if name != own]


@pytest.mark.parametrize("name", asked())
def test_everything_that_is_asked_for_is_pinned(name):
    assert any(entry.startswith(f"{name}==") for entry in ENTRIES)


def test_every_entry_has_hashes():
    assert [entry for entry in ENTRIES if "--hash=sha256:" not in entry] == []


def test_it_names_no_address():
    assert re.findall(r"\S*(?:://|--index-url|--find-links| @ )\S*", LOCK) == []


def test_the_repository_names_no_package_index():
    # Dependencies come from wherever the user's pip looks.
    files = ("Makefile", "pyproject.toml", "scripts/setup.py", "scripts/counts.py", ".ci/run")
    texts = [(CHECKOUT / name).read_text(encoding="utf-8") for name in files]
    assert re.findall(r"https?://\S+", "\n".join(texts)) == []


def test_the_target_that_pins_asks_for_every_extra_and_group():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    pinned = re.findall(r"--(?:extra|group) (\S+)", makefile)
    wanted = [*project["project"]["optional-dependencies"], *project["dependency-groups"]]
    assert sorted(pinned) == sorted(wanted)
