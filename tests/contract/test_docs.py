"""Every command in the README and in docs/ is one that this version takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fogbed import cli

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]
TARGETS = re.findall(
    r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
)


def commands(program: str) -> list[object]:
    """Lines of fenced sh blocks that begin with a program, with continued lines joined."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                words = words[1:] if words[:1] == ["sudo"] else words
                if words[:1] == [program]:
                    name = f"{page.name}: {shlex.join(words)}"
                    found.append(pytest.param(words[1:], id=name))
    return found


@pytest.mark.parametrize("words", commands("fogbed"))
def test_a_command_is_taken(words, capsys, monkeypatch):
    is_safe = words[:1] == ["check"] or "--dry-run" in words or "--help" in words
    monkeypatch.chdir(CHECKOUT)
    # --help after the rest: an unknown command or option is still an error
    own = words.index("--") if "--" in words else len(words)
    code = cli.main(words if is_safe else [*words[:own], "--help"])
    assert code == 0, capsys.readouterr().err


# what runs for real in a test: it reads files, and needs no machine, namespace or download
REAL = [
    ["rides", "list"],
    ["rides", "describe", "nyc-sample"],
    ["landmarks", "list"],
    ["experiment", "list"],
    ["network", "plan"],
    ["experiment", "check"],
    ["check"],
]


def is_real(words):
    return any(words[: len(head)] == head for head in REAL)


@pytest.mark.parametrize("words", [p for p in commands("fogbed") if is_real(p.values[0])])
def test_a_command_that_only_reads_is_run(words, capsys, monkeypatch, fresh_home):
    monkeypatch.chdir(fresh_home)
    for folder in ("experiments", "inventory", "profiles"):
        Path(folder).symlink_to(CHECKOUT / folder)
    assert cli.main(words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


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
    for folder in ("inventory", "profiles"):
        (fresh_home / folder).symlink_to(CHECKOUT / folder)
    (fresh_home / ".ssh").mkdir(exist_ok=True)
    (fresh_home / ".ssh" / "id_ed25519").touch(mode=0o600)
    (folder := fresh_home / "specs").mkdir()
    path = folder / "block.yml"
    path.write_text(text, encoding="utf-8")
    assert cli.main(["check", str(path)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("words", commands("make"))
def test_a_target_is_there(words):
    assert {word for word in words if "=" not in word} <= set(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (page.parent / link).exists()] == []
