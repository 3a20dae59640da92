"""The program that this process runs, started once more as a process of its own, at another place.

A new interpreter and not a fork: a session has threads, and its own place in the scheduler.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Mapping

_HOME = "fogbed.network.agent.unpack"
_RUN = "names = {{'__name__': {home!r}}}; exec(compile(packed[{home!r}], {file!r}, 'exec'), names)"
_FROM_STDIN = (
    "import sys, json, zlib; file = sys.stdin.buffer;"
    " packed = json.loads(zlib.decompress(file.read(int(file.readline()))));"
)


def bootstrap(entry: str) -> str:
    """Return code for ``python -c`` that reads a packed program from stdin and calls ``entry``."""
    return f"{_FROM_STDIN} {_run()}; names['run'](packed, {entry!r})"


def packed(sources: Mapping[str, str]) -> bytes:
    """Return modules' sources as the bootstrap reads them: the length in a line, then the blob."""
    blob = zlib.compress(json.dumps(sources).encode(), 9)
    return b"%d\n" % len(blob) + blob


def as_script(sources: Mapping[str, str], entry: str) -> str:
    """Return the program as a file that ``python FILE`` runs."""
    blob = base64.b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()
    return (
        "import base64, json, zlib\n"
        f"packed = json.loads(zlib.decompress(base64.b64decode({blob!r})))\n"
        f"{_run()}\nnames['run'](packed, {entry!r})\n"
    )


def own_sources() -> Mapping[str, str]:
    """Return the modules that this process was sent.

    Raises:
        RuntimeError: it was not: its modules are files.
    """
    for finder in sys.meta_path:
        sources = getattr(finder, "sources", None)
        if sources is not None:
            return dict(sources)
    raise RuntimeError("this agent was not sent as a packed program")


def _run() -> str:
    return _RUN.format(home=_HOME, file=_HOME.replace(".", "/") + ".py")
