"""Whether tc can shape the links of a laptop's nodes here: ``python -m fogbed.network.tc_here``.

Run as whoever would bring the testbed up, where that user may make namespaces: two nodes are joined
as a testbed's are, and a delay is asked for between them. One JSON object on stdout: ``why`` is ""
where it can.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack

from fogbed.errors import NetworkError
from fogbed.network.agent.tc_trial import why_not
from fogbed.network.joined import Place, join
from fogbed.network.link import Shape
from fogbed.network.local_links import Asked, AskedLink, LinksError
from fogbed.network.namespaces import create_namespace, inside
from fogbed.network.tc_links import End, TcLinks


def why() -> str:
    """Return "" where tc can serve for this user, else why not, in one sentence."""
    return why_not() or _why_not_between_nodes()


def _why_not_between_nodes() -> str:
    slow: AskedLink = (Shape(delay_ms=1.0, rate_bps=1_000_000), None)
    with ExitStack() as undo:
        try:
            between, *namespaces = [_namespace(undo) for _ in range(3)]
            ends = [End(f"n{i}", f"10.78.0.{i}", each) for i, each in enumerate(namespaces, 1)]
            with inside(between):
                join("tc", [Place(end.node, f"{end.address}/24", end.namespace) for end in ends])
            links = TcLinks(ends)
            links.begin()
            links.apply(Asked(0, 0, [[slow, slow], [slow, slow]]))
        except (NetworkError, LinksError) as error:
            return str(error)
    return ""


def _namespace(undo: ExitStack) -> int:
    made = create_namespace()
    undo.callback(os.close, made)
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"why": why()}))
