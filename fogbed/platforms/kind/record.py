"""What a testbed keeps of its kind cluster: whose it is, from what it was made, whether wholly."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from fogbed.errors import PlatformError
from fogbed.files import write_whole

_NAME = "kind.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRecord:
    """``config``: what ``plan_kind`` asked for; ``starts``: containers as they got addresses.

    ``is_whole``: kind came to its end. Until then nothing in the cluster is anybody's.
    """

    owner: str
    is_whole: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    starts: tuple[str, ...] = ()


def new_record() -> KindRecord:
    """Return the record of a cluster that nothing is made of yet, with a mark of its own."""
    return KindRecord(owner=secrets.token_hex(16))


def read_record(folder: Path) -> KindRecord | None:
    """Return what was kept; None if nothing was.

    Raises:
        PlatformError: it cannot be read: whose the cluster is, is not known any more.
    """
    path = folder / _NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        # what another version keeps besides does not make the cluster somebody else's
        known = {each.name: found[each.name] for each in fields(KindRecord) if each.name in found}
        return KindRecord(**{**known, "starts": tuple(known.get("starts", ()))})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlatformError(
            f"{path} cannot be read as the record of a kind cluster",
            hint="it says whose the cluster is: put it back from a backup; or move it away, and "
            "delete the cluster with all that it holds: kind get clusters, then kind delete "
            "cluster --name",
            details=str(error),
        ) from error


def write_record(folder: Path, record: KindRecord) -> None:
    """Keep it."""
    write_whole(folder / _NAME, json.dumps(asdict(record), indent=1) + "\n", mode=0o600)


def forget_record(folder: Path) -> None:
    """Remove it."""
    (folder / _NAME).unlink(missing_ok=True)
