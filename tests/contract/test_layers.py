"""The house's rules are enforced, not only written: a planted import is caught."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

CHECKOUT = Path(__file__).parents[2]
# Where a platform may be called by its name, outside of the folder that has them.
NAMES_PLATFORMS = {
    "spec/abilities.py": "the table of what each can do",
    "spec/fields.py": "an example of the field, for messages",
    "spec/checks_testbed.py": "what is asked of a testbed whose platform does not exist",
    "plan/new_testbed.py": "writes the name into a first file",
    "cli/init.py": "takes it as an option",
    "cli/init_answers.py": "asks for it",
}
# `kind` and `kubernetes` are keys of specs as well
PLATFORMS = {"local", "pi"}


@pytest.fixture
def house(tmp_path):
    shutil.copytree(
        CHECKOUT / "fogbed",
        tmp_path / "fogbed",
        ignore=shutil.ignore_patterns("__pycache__", "java", "builtin"),
    )
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house):
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [script, "--no-cache", "--no-logo"],
        check=False,
        cwd=house,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("fogbed/plan/planted.py", "from fogbed import clients"),
        ("fogbed/network/planted.py", "from fogbed import stream_job"),
        ("fogbed/experiment/planted.py", "import rich"),
        ("fogbed/experiment/planted.py", "from fogbed import notebook"),
        ("fogbed/experiment/planted.py", "import subprocess"),
        ("fogbed/stream_job/planted.py", "import requests"),
        ("fogbed/planted.py", "from fogbed import errors"),
    ],
)
def test_a_planted_import_is_caught(house, module, line):
    (house / module).write_text(f'"""Planted."""\n\n{line}\n', encoding="utf-8")
    done = lint(house)
    assert done.returncode == 1
    assert "planted" in done.stdout


def require_no_circle(more=()):
    """Every import counts: also those for types alone and those inside functions."""
    graph = grimp.build_graph("fogbed", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    for importer, imported in more:
        imports[importer].add(imported)
    TopologicalSorter(imports).prepare()


def test_no_module_imports_itself_by_way_of_others():
    require_no_circle()


def test_a_planted_circle_is_caught():
    with pytest.raises(CycleError, match=r"'fogbed\.units'"):
        require_no_circle([("fogbed.units", "fogbed.spec")])


def test_no_code_outside_of_platforms_names_one():
    package = CHECKOUT / "fogbed"
    found = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if any(
            isinstance(node, ast.Constant) and node.value in PLATFORMS
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    }
    outside = {name for name in found if not name.startswith("platforms/")}
    assert outside <= set(NAMES_PLATFORMS)
