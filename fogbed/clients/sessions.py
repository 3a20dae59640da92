"""HTTP connections that go straight to their goal, and who holds some."""

from __future__ import annotations

from typing import Self

import requests


def direct_session() -> requests.Session:
    """Return a session that asks no proxy: one from the environment does not know our loopback."""
    session = requests.Session()
    session.trust_env = False
    return session


class HoldsSession:
    """A client with connections of its own, closed by ``close`` or at the end of a ``with``.

    ``session`` may be given to put another transport under it.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = direct_session() if session is None else session

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
