"""Makes the loader beside the playbooks' unit tests importable: test folders are not packages."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "playbooks"))
