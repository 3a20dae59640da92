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


@pytest.mark.parametrize("words", commands("make"))
def test_a_target_is_there(words):
    assert {word for word in words if "=" not in word} <= set(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (page.parent / link).exists()] == []
