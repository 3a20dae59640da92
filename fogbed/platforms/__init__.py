"""Kinds of machines a testbed runs on: a laptop's namespaces, and machines reached over SSH.

What is named here is loaded when it is asked for: the keeper of a laptop testbed lives in this
package too, and must start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fogbed.platforms.registry import find_testbed, locate_testbed
    from fogbed.platforms.table import (
        abilities_of,
        open_for_programs,
        open_machines,
        open_pi,
        open_platform,
        require_options,
    )

__all__ = [
    "abilities_of",
    "find_testbed",
    "locate_testbed",
    "open_for_programs",
    "open_machines",
    "open_pi",
    "open_platform",
    "require_options",
]
_FROM = {"find_testbed": "registry", "locate_testbed": "registry"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the shape of PEP 562
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fogbed.platforms.{_FROM.get(name, 'table')}"), name)
