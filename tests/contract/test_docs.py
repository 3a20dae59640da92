"""Commands, YAML and Python of the README and of docs/ are what this version takes, and are run."""

from __future__ import annotations

import gzip
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from pages import (
    CHECKOUT,
    OF_NODES,
    ON_A_TESTBED,
    PAGES,
    commands,
    is_elsewhere,
    is_on_files,
)

from fogbed import cli
from fogbed.experiment.repertoire import REPERTOIRE

TARGETS = re.findall(
    r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
)
MAKE_BUNDLE = CHECKOUT / "tests" / "cases" / "bundle" / "make_bundle.py"
GREEN = """\
lpep_pickup_datetime,Lpep_dropoff_datetime,Pickup_longitude,Pickup_latitude
2013-08-01 08:14:37,2013-08-01 09:09:06,-73.95,40.71
"""


def of_all_pages(program):
    return [
        pytest.param(page, words, id=f"{page.name}: {shlex.join(words)}")
        for page in PAGES
        for words in commands(page, program)
    ]


@pytest.mark.parametrize(("page", "words"), of_all_pages("fogbed"))
def test_a_command_is_taken(page, words, capsys, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    # --help after the rest: an unknown command or option is still an error
    own = words.index("--") if "--" in words else len(words)
    assert cli.main([*words[:own], "--help"]) == 0, capsys.readouterr().err
    is_run = is_on_files(words) or page.name in ON_A_TESTBED
    assert is_run or is_elsewhere(words) or page.name in OF_NODES, "say in pages.py what runs it"


@pytest.fixture
def folder(fresh_home, monkeypatch):
    """Where a user stands who follows the pages: the checkout's examples, and a file of rides."""
    for each in ("experiments", "inventory"):
        (fresh_home / each).symlink_to(CHECKOUT / each)
    (fresh_home / "green_tripdata_2013-08.csv.gz").write_bytes(gzip.compress(GREEN.encode()))
    (fresh_home / "testbed.yml").symlink_to(CHECKOUT / "inventory" / "pico.yml")
    monkeypatch.chdir(fresh_home)
    return fresh_home


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_works_on_files_is_run_in_the_order_of_its_page(page, capsys):
    for words in filter(is_on_files, commands(page)):
        own = words[: words.index(">")] if ">" in words else words
        assert cli.main(own) == 0, (words, capsys.readouterr().err)


def yaml_blocks():
    """Blocks of YAML by page and place; a fragment is put at the end of the page's last spec."""
    found = []
    for page in PAGES:
        spec = ""
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"```yaml\n(.*?)```", text, re.DOTALL):
            block, line = match[1], text[: match.start()].count("\n") + 1
            whole = block if block.startswith("apiVersion:") else spec + block
            spec = block if block.startswith("apiVersion:") else spec
            found.append(pytest.param(whole, id=f"{page.name}:{line}"))
    return found


@pytest.mark.parametrize("text", yaml_blocks())
def test_a_block_of_yaml_is_a_spec_that_passes(text, capsys, fresh_home):
    (folder := fresh_home / "experiments").mkdir()
    (folder / "profiles").symlink_to(CHECKOUT / "experiments" / "profiles")
    (fresh_home / "inventory").symlink_to(CHECKOUT / "inventory")
    (fresh_home / ".ssh").mkdir(exist_ok=True)
    (fresh_home / ".ssh" / "id_ed25519").touch(mode=0o600)
    path = folder / "block.yml"
    path.write_text(text, encoding="utf-8")
    assert cli.main(["check", str(path)]) == 0, capsys.readouterr().err


def python_blocks():
    """Blocks of Python by page and place."""
    return [
        pytest.param(match[1], id=page.name)
        for page in PAGES
        for match in re.finditer(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        )
    ]


@pytest.mark.parametrize("text", python_blocks())
def test_a_block_of_python_does_what_it_says_with_a_run_that_is_there(text, fresh_home):
    spec = importlib.util.spec_from_file_location("make_bundle", MAKE_BUNDLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bundle = module.make_bundle(fresh_home / "runs")
    shutil.copy(CHECKOUT / "inventory" / "laptop.yml", bundle.folder / "testbed.yml")
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=fresh_home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert bundle.name in done.stdout


@pytest.mark.parametrize(("page", "words"), of_all_pages("make"))
def test_a_target_is_there(page, words):
    assert page.exists()
    assert {word for word in words if "=" not in word} <= set(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_action_and_assertion_is_on_its_page():
    text = (CHECKOUT / "docs" / "experiments.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    known = [*REPERTOIRE.names, *(f"{a.key}: {a.example}" for a in REPERTOIRE.assertions)]
    assert [row for row in rows if row in known] == known


def test_files_where_something_is_changed_are_there():
    text = (CHECKOUT / "docs" / "house.md").read_text(encoding="utf-8")
    named = [path for path in re.findall(r"`([^`\s]+/[^`\s]*)`", text) if "NAME" not in path]
    assert named
    assert [path for path in named if not (CHECKOUT / path).exists()] == []


def test_every_module_of_our_own_has_its_reason_in_a_table():
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text.partition("## Modules of our own")[2], re.MULTILINE)
    assert rows == sorted(path.stem for path in (CHECKOUT / "playbooks/library").glob("*.py"))
