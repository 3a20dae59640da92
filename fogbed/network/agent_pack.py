"""The agent as one program: its modules and what they import of fogbed, packed to be sent.

On the node a short bootstrap reads it and leaves the rest to ``fogbed/network/agent/unpack.py``,
which is in it.
"""

from __future__ import annotations

import ast
import functools
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from fogbed.network.agent import this_program

_HOME = Path(__file__).parents[2]
# Sessions are opened in many threads, and Python 3.11 counts the depth of the trees that it makes
# in all of them together: "AST constructor recursion depth mismatch" (malthe/chameleon#361)
_ONE_AT_A_TIME = threading.Lock()
ROOTS = (
    "fogbed.network.agent.unpack",
    "fogbed.network.agent.guardian",
    "fogbed.network.agent.session",
    "fogbed.network.link",
)
"""What the closure over imports of fogbed starts from."""
BOOTSTRAP = this_program.bootstrap("fogbed.network.agent.session:main")
"""For ``python -c``: the program follows on stdin, so nothing is left on the node."""


def packed() -> bytes:
    """Return the program as it goes through a channel: its length in a line, then the blob."""
    with _ONE_AT_A_TIME:
        return _packed()


@functools.cache
def _packed() -> bytes:
    return this_program.packed(modules())


@functools.cache
def modules() -> Mapping[str, str]:
    """Return the source of every module that is packed, by its name.

    Packages are not: what imports one module of `fogbed.network` on a node must not run what stands
    in its ``__init__.py``.
    """
    found: dict[str, str] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path.read_text(encoding="utf-8")
        waiting.extend(_imported(found[name]))
    return dict(sorted(found.items()))


def _imported(source: str) -> Iterator[str]:
    """Yield what may be a module of fogbed among what a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # a name of a package may be a module, as in `from fogbed.plan import tc`
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [node.module or "", *below]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "fogbed")


def _file(module: str) -> Path | None:
    """Return the file of a module of fogbed; None for a package, and for a name in a module."""
    path = _HOME.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
