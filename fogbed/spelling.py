"""How a path is spelled for a program that has a way of its own to read one.

Flink's ``Path`` takes the text behind ``file://`` as it stands: nothing is percent-encoded, so a
URI made by the usual rules names another folder (``work%20dir`` beside ``work dir``). It turns a
backslash into a slash and cuts blanks off the end (org.apache.flink.core.fs.Path). Other readers
(a class path, log4j's file patterns, Flink's lists of folders, OpenSSH's options, DuckDB's
patterns) give some characters a meaning that none of their spellings takes away; a path that is
not plain is handed to them through a link (``fogbed.links``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# ":" and "," part lists, "%" and "$" are filled in, "*?[]" are patterns, "#" ends a URI's path
_PLAIN = re.compile(r"[A-Za-z0-9_./+@=-]+\Z")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CUT_BY_JAVA = "".join(map(chr, range(0x21)))  # String.trim


def is_plain(path: Path) -> bool:
    """Whether no reader of paths that we know gives a character of this one a meaning."""
    return _PLAIN.match(str(path)) is not None


def flink_takes(path: Path) -> bool:
    """Whether Flink's ``Path`` can name this file or folder at all."""
    text = str(path)
    if not is_text(path) or "\\" in text or text.startswith("//"):
        return False
    return text == text.rstrip(_CUT_BY_JAVA)


def is_text(path: Path) -> bool:
    """Whether the path is UTF-8: Java has no text for other bytes, not even behind a link.

    It resolves links, and then makes what it could not read anew, under another name.
    """
    try:
        text_of(path)
    except UnicodeDecodeError:
        return False
    return True


def text_of(path: Path) -> str:
    """Return a path as text for a program that reads UTF-8, in whatever locale we run.

    Raises:
        UnicodeDecodeError: it is other bytes.
    """
    return os.fsencode(path).decode("utf-8")


def path_from(text: str) -> Path:
    """Return the path whose ``text_of`` this is."""
    return Path(os.fsdecode(text.encode("utf-8", "surrogateescape")))


def shown(path: Path) -> str:
    """Return a path as text that can be printed anywhere, other bytes in hexadecimal."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def flink_uri(path: Path) -> str:
    """Return an absolute path as Flink reads it.

    Raises:
        ValueError: it is relative, or Flink cannot name it; ``fogbed.links`` then can.
    """
    if not path.is_absolute() or not flink_takes(path):
        raise ValueError(f"Flink cannot name {path}")
    return f"file://{text_of(path)}"


def path_of(uri: str) -> Path | None:
    """Return the file or folder that Flink's ``Path`` names; None where it is not a file of ours.

    Flink itself writes ``file:/PATH``; users write ``file:///PATH`` or a path without a scheme.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return path_from(uri)
    if scheme[1].lower() != "file":
        return None
    rest = uri[scheme.end() :]
    if rest.startswith("//"):
        authority, slash, below = rest[2:].partition("/")
        if authority or not slash:
            return None
        rest = f"/{below}"
    return path_from(rest) if rest.startswith("/") else None
