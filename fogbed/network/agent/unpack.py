"""How the packed program is imported on a node: run by itself, before anything else is there.

A packed module is found before any that the node may have of the same name. Its file is called as
it is here, so that a traceback names it, with its lines.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType


class Packed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules from their sources; every package above one is an empty module."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self._packages = {
            name[:end] for name in sources for end, letter in enumerate(name) if letter == "."
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to load a module, or None for what is not ours."""
        del path, target
        if fullname not in self.sources and fullname not in self._packages:
            return None
        return importlib.machinery.ModuleSpec(
            fullname,
            self,
            origin=file_name(fullname),
            is_package=fullname in self._packages,
        )

    def get_source(self, fullname: str) -> str:
        """Return a module's source; linecache asks for it when it shows a traceback."""
        return self.sources.get(fullname, "")

    def get_code(self, fullname: str) -> CodeType:
        """Return a module's code, under the name of the file that it is in here."""
        return self.source_to_code(self.get_source(fullname), file_name(fullname))

    def is_package(self, fullname: str) -> bool:
        """Tell whether there are modules below."""
        return fullname in self._packages


def file_name(module: str) -> str:
    """Return the file of a module: what a traceback shows."""
    return module.replace(".", "/") + ".py"


def run(sources: Mapping[str, str], entry: str) -> None:
    """Call ``entry``, "module:function", with the packed modules in place."""
    sys.meta_path.insert(0, Packed(sources))
    # the interpreter's own looks for lines in files only
    sys.excepthook = traceback.print_exception
    module, _, function = entry.partition(":")
    getattr(importlib.import_module(module), function)()
