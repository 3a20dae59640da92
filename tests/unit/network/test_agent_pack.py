"""The packed program is whole, and means to Python 3.9 what it means here."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fogbed.network.agent_pack import BOOTSTRAP, modules, packed

# What Python 3.9 has no word for, of what is easily reached for
LATER_NAMES = {
    "ExceptionGroup",
    "Never",
    "NotRequired",
    "ParamSpec",
    "Self",
    "StrEnum",
    "TypeAlias",
    "UTC",
    "anext",
    "assert_never",
    "batched",
    "bit_count",
    "override",
    "pairwise",
    "tomllib",
}
LATER_CALLS = {"os.setns", "os.unshare"}  # by ctypes they are there
LATER_KEYWORDS = {"zip": {"strict"}, "dataclass": {"slots", "kw_only"}}
TYPES = {"bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}


def parsed(name: str) -> ast.Module:
    return ast.parse(modules()[name], name, feature_version=(3, 9))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (
                below if (below := f"{module}.{alias.name}") in modules() else module
                for alias in node.names
            )


def evaluated(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is evaluated at some time: everything but annotations."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(tree, ast.FunctionDef) and child is tree.returns:
            continue
        if isinstance(tree, ast.arg | ast.AnnAssign) and child is tree.annotation:
            continue
        yield child
        yield from evaluated(child)


def is_type(node: ast.AST) -> bool:
    whole = node.value if isinstance(node, ast.Subscript) else node
    if isinstance(whole, ast.Constant):
        return whole.value is None
    return isinstance(whole, ast.Name) and (whole.id in TYPES or whole.id.istitle())


def later_than_3_9(node: ast.AST) -> str:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return "X | Y of types" if is_type(node.left) or is_type(node.right) else ""
    if isinstance(node, ast.Call):
        keywords = {keyword.arg for keyword in node.keywords}
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        return ", ".join(sorted(keywords & LATER_KEYWORDS.get(called, set())))
    if isinstance(node, ast.Attribute) and ast.unparse(node) in LATER_CALLS:
        return ast.unparse(node)
    if isinstance(node, ast.Name | ast.Attribute | ast.alias):
        name = {ast.Name: "id", ast.Attribute: "attr", ast.alias: "name"}[type(node)]
        return getattr(node, name) if getattr(node, name) in LATER_NAMES else ""
    return ""


@pytest.mark.parametrize("name", modules())
def test_it_imports_the_standard_library_and_itself(name):
    for wanted in imported(parsed(name)):
        assert wanted in modules() or wanted.partition(".")[0] in sys.stdlib_module_names, wanted


@pytest.mark.parametrize("name", modules())
def test_nothing_in_it_is_younger_than_python_3_9(name):
    tree = parsed(name)
    found = [
        f"{name}:{getattr(node, 'lineno', '?')}: {later}"
        for node in evaluated(tree)
        if (later := later_than_3_9(node))
    ]
    assert found == []
    annotated = [node for node in ast.walk(tree) if isinstance(node, ast.arg | ast.AnnAssign)]
    future = "from __future__ import annotations"
    assert future in modules()[name] or not annotated


@pytest.mark.parametrize(
    ("line", "later"),
    [
        ("Shape = tuple[int | None]", "X | Y of types"),
        ("isinstance(x, int | str)", "X | Y of types"),
        ("flags = os.A | os.B", ""),
        ("def f(x: int | None) -> str | None:\n    y: int | None = None", ""),
        ("zip(a, b, strict=True)", "strict"),
        ("@dataclass(frozen=True, slots=True)\nclass A: ...", "slots"),
        ("from itertools import pairwise", "pairwise"),
        ("os.unshare(1)", "os.unshare"),
        ("ctypes.CDLL(None).unshare(1)", ""),
    ],
)
def test_what_is_younger_is_found(line, later):
    found = [words for node in evaluated(ast.parse(line)) if (words := later_than_3_9(node))]
    assert found == ([later] if later else [])


def test_what_others_import_of_fogbed_comes_with_it():
    assert {"fogbed.network.link", "fogbed.network.jitter"} <= set(modules())


def python_3_9() -> str:
    found = shutil.which("python3.9")
    if found is None:
        # the rules above are read off the source by any Python; this runs it, where there is one
        pytest.skip("there is no python3.9 on PATH, the oldest that a node may have")
    # pyenv's shim runs a version that is chosen elsewhere; the versions are beside it
    versions = sorted(Path(found).parents[1].glob("versions/3.9*/bin/python3.9"))
    return str(versions[-1]) if versions else found


def import_all(python: str, names: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Have an interpreter load every module as a node does, in place of serving."""
    blob = json.dumps(
        {
            **modules(),
            "fogbed.all": "\n".join([*(f"import {name}" for name in names), "main = int"]),
        }
    ).encode()
    sent = zlib.compress(blob)
    bootstrap = BOOTSTRAP.replace("fogbed.network.agent.session:main", "fogbed.all:main")
    return subprocess.run(
        [python, "-I", "-W", "error", "-c", bootstrap],
        input=b"%d\n" % len(sent) + sent,
        capture_output=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"]},
        cwd="/",
    )


def test_python_3_9_imports_all_of_it():
    done = import_all(python_3_9(), list(modules()))
    assert (done.returncode, done.stderr) == (0, b"")


def test_this_python_imports_all_of_it_away_from_here():
    done = import_all(sys.executable, list(modules()))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_traceback_names_the_module_and_shows_the_line():
    done = subprocess.run(
        [sys.executable, "-I", "-c", BOOTSTRAP],
        input=packed() + b"not JSON\n",
        capture_output=True,
        check=False,
        timeout=120,
        cwd="/",
    )
    said = done.stderr.decode()
    assert 'File "fogbed/network/agent/session.py", line' in said
    assert "request = json.loads(line)" in said


def test_many_threads_that_open_sessions_at_once_get_one_program():
    # in a process of its own, in which nothing was packed before; Python 3.11 fails without a lock
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
from fogbed.network.agent_pack import packed

sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(32) as pool:
    programs = list(pool.map(lambda _: packed(), range(32)))
print(len({id(each) for each in programs}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"
