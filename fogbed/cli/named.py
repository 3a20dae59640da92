"""What is named on the command line, found: by its file, or by a name that fogbed knows."""

from __future__ import annotations

from pathlib import Path

from fogbed import paths, spec
from fogbed.errors import UsageError
from fogbed.spec.network_profile import NetworkProfile


def load_profile(name: str) -> NetworkProfile:
    """Load a profile's file, or the shipped one of that name.

    Raises:
        UsageError: there is neither.
        SpecError: every problem of the file.
    """
    return spec.load_profile(profile_file(name))


def profile_file(name: str) -> Path:
    """Return the path of a profile's file, or of the shipped one of that name.

    Raises:
        UsageError: it is no path, and no shipped one.
    """
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    try:
        return paths.asset("experiments", "profiles", f"{name}.yml")
    except UsageError:
        raise UsageError(
            f"there is no file and no shipped profile called {name}",
            hint="name a profile's file: fogbed network plan experiments/profiles/metro.yml",
        ) from None


def testbed_file(testbed: Path | None) -> Path | None:
    """Return the file of a testbed that is up, where ``-t`` gives its name; else what it gives."""
    from fogbed.platforms.state import names_up, spec_file

    if testbed is None or testbed.is_file() or str(testbed) not in names_up():
        return testbed
    return spec_file(str(testbed))
