"""Which testbed is meant."""

from __future__ import annotations

import difflib
from pathlib import Path

from fogbed import paths
from fogbed.errors import UsageError
from fogbed.platforms.state import names_up, read_origin, spec_file
from fogbed.spec import load_testbed
from fogbed.spec.testbed import Testbed

HERE = Path("testbed.yml")


def find_testbed(name_or_path: str | Path | None = None) -> Testbed:
    """Return the testbed that -t names: a file, one that is up, or a shipped one.

    Without a name: ``./testbed.yml``, else the only testbed that is up.

    Raises:
        UsageError: none is meant, or several may be.
        SpecError: its file is wrong.
    """
    if name_or_path is None:
        return _the_one_meant()
    path, name = Path(name_or_path), str(name_or_path)
    if path.is_file():
        return load_testbed(path)
    if name in names_up():
        return load_testbed(spec_file(name))
    shipped = _shipped()
    if name in shipped:
        return load_testbed(shipped[name])
    raise _unknown(name, [*names_up(), *shipped])


def locate_testbed(name_or_path: str | Path | None = None) -> tuple[Testbed, Path | None]:
    """Return the testbed that -t names as its own file says it, and that file.

    For one that is up by name this is the file that ``up`` was given; None where it is not known,
    or gone: then the testbed is as it was brought up.

    Raises:
        UsageError, SpecError: as for ``find_testbed``.
    """
    path = HERE if name_or_path is None else Path(name_or_path)
    if path.is_file():
        return load_testbed(path), path.absolute()
    found = find_testbed(name_or_path)
    origin = read_origin(found.name)
    if origin is None or not origin.is_file():
        return found, None
    again = load_testbed(origin)
    # a file that has become another testbed's is no longer this one's
    return (again, origin) if again.name == found.name else (found, None)


def _the_one_meant() -> Testbed:
    if HERE.is_file():
        return load_testbed(HERE)
    names = names_up()
    if len(names) == 1:
        return load_testbed(spec_file(names[0]))
    if not names:
        raise UsageError(
            "which testbed? There is no ./testbed.yml, and no testbed is up",
            hint="name one with -t FILE or -t NAME; shipped ones: " + ", ".join(_shipped()),
        )
    raise UsageError(f"which testbed? Up are: {', '.join(names)}", hint="name one with -t NAME")


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(paths.asset("inventory").glob("*.yml"))}


def _unknown(name: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return UsageError(
        f"no file and no testbed is called {name}",
        hint=f"{guess}known are: {', '.join(dict.fromkeys(known)) or 'none'}",
    )
