"""fogbed: a fog computing testbed that measures what it emulates.

From Python: ``open_run`` and ``list_runs`` give runs, whose figures are tables; ``query`` asks a
testbed that is up. They are loaded when they are asked for; ``__init__.pyi`` has their types, since
an import here, if only for types, would put the whole house below each of its parts.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"
_OF_NOTEBOOK = ("Run", "list_runs", "open_run", "query")


def __getattr__(name: str) -> object:
    if name not in _OF_NOTEBOOK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("fogbed.notebook"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_OF_NOTEBOOK])
