"""The user's web browser."""

from __future__ import annotations

import webbrowser


def show(url: str) -> bool:
    """Have a browser show a page; False: there is none here."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
