"""docs/house.md: the drawing is that of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "house.md"


def load(name):
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_is_that_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    assert load("house").with_drawing(text) == text, "python scripts/house.py draws it anew"
