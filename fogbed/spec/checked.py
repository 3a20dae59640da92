"""Files of any kind: loaded, or judged with every problem that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fogbed.errors import Problem, SpecError, UsageError
from fogbed.spec.document import read_document
from fogbed.spec.experiment import Experiment
from fogbed.spec.load import kind_of_spec, read_profile, read_testbed, sound
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.quorum import quorum_note
from fogbed.spec.resolve import resolve_document
from fogbed.spec.testbed import Testbed
from fogbed.spec.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file's verdict; ``kind`` and ``name`` are empty where they cannot be told.

    The problems of an experiment include those of the files that it refers to. ``notes``: what is
    allowed, and good to know.
    """

    file: str
    kind: str = ""
    name: str = ""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def load_any(path: Path, vocabulary: Vocabulary) -> Testbed | NetworkProfile | Experiment:
    """Read a file of any kind; an experiment with everything that it refers to.

    ``vocabulary``: the actions and assertions that an experiment may have.

    Raises:
        SpecError: every problem of the file, and of the files that an experiment refers to.
    """
    document = read_document(path)
    kind = kind_of_spec(document)
    if kind == "Testbed":
        return sound(read_testbed(document))
    if kind == "NetworkProfile":
        return sound(read_profile(document))
    return resolve_document(document, path, vocabulary).experiment


def check_files(
    files: Iterable[Path], vocabulary: Vocabulary, *, more: Callable[[Path], object]
) -> tuple[CheckedFile, ...]:
    """Judge each file by itself; an experiment with everything that it refers to.

    ``more`` looks at an experiment with what is known above this layer, and raises what is wrong.
    """
    return tuple(_check(path, vocabulary, more) for path in dict.fromkeys(files))


def _check(path: Path, vocabulary: Vocabulary, more: Callable[[Path], object]) -> CheckedFile:
    try:
        if kind_of_spec(read_document(path)) == "Experiment":
            more(path)
        model = load_any(path, vocabulary)
    except SpecError as error:
        return CheckedFile(file=str(path), problems=error.problems)
    except UsageError as error:
        what = ": ".join(filter(None, (error.message, error.details)))
        problem = Problem(str(path), 1, "", what, error.hint or "")
        return CheckedFile(file=str(path), problems=(problem,))
    note = quorum_note(model) if isinstance(model, Testbed) else None
    notes = (note,) if note is not None else ()
    return CheckedFile(file=str(path), kind=model.kind, name=model.name, notes=notes)
