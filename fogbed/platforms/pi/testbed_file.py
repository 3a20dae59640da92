"""A testbed's own file and changes to it: checked as a whole before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fogbed.errors import PlatformError, SpecError, UsageError
from fogbed.files import write_whole
from fogbed.platforms.pi.nodes import with_kubernetes
from fogbed.platforms.state import only_one
from fogbed.spec import edit, parse_testbed
from fogbed.spec.testbed import Node, Testbed


@dataclass(frozen=True, slots=True)
class BedFile:
    """A testbed's own file: its text, and what that says. ``before``: the text it was read as."""

    path: Path
    text: str
    testbed: Testbed
    before: str

    @property
    def is_changed(self) -> bool:
        """Whether there is something to save."""
        return self.text != self.before


def open_file(testbed: Testbed, path: Path | None) -> BedFile:
    """Return a testbed's file, to be changed.

    Raises:
        UsageError: it is not known which file that is.
    """
    if path is None:
        raise UsageError(
            f"the file of testbed {testbed.name} is not known, and this changes it",
            hint="name it with -t FILE",
        )
    text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    return BedFile(path, text, testbed, text)


def with_node(file: BedFile, fields: Mapping[str, object]) -> BedFile:
    """Return the file with a node more; the same file if it has just that node already.

    Raises:
        SpecError: the testbed would not be sound, with every problem.
        UsageError: it has another node of that name.
    """
    name = str(fields["name"])
    if set("[]:") & set(name):
        raise UsageError(f"{name} is a range", hint="add one node at a time")
    there = [node for node in file.testbed.nodes if node.name == name]
    if there:
        _require_same(there[0], fields, file.path)
        return file
    text = edit.add_node(file.text, fields)
    with _nothing_written(file.path):
        parse_testbed(text, str(file.path))
    added = Node.model_validate(dict(fields))
    return _with_nodes(file, text, (*file.testbed.nodes, added))


def without_node(file: BedFile, name: str) -> BedFile:
    """Return the file without a node; SpecError if the testbed would not be sound without it."""
    nodes = tuple(node for node in file.testbed.nodes if node.name != name)
    return _with_nodes(file, edit.remove_node(file.text, name), nodes)


def with_address(file: BedFile, name: str, address: str) -> BedFile:
    """Return the file with another address of a node; SpecError as above."""
    if file.testbed.node(name).address == address:
        return file
    nodes = tuple(
        node.model_copy(update={"address": address}) if node.name == name else node
        for node in file.testbed.nodes
    )
    return _with_nodes(file, edit.change_address(file.text, name, address), nodes)


def with_version(file: BedFile, version: str) -> BedFile:
    """Return the file with another version of Kubernetes."""
    if file.testbed.kubernetes.version == version:
        return file
    wanted = with_kubernetes(file.testbed, version)
    return _settled(file, edit.set_kubernetes_version(file.text, version), wanted)


def save(file: BedFile) -> None:
    """Write a changed file, whole or not at all.

    Raises:
        PlatformError: somebody else changed it meanwhile, or it cannot be written.
    """
    if not file.is_changed:
        return
    with only_one(file.testbed.name):
        try:
            now = file.path.read_bytes().decode("utf-8")
            if now.removeprefix("\ufeff") != file.before:
                raise PlatformError(
                    f"{file.path} was changed meanwhile", hint="give the command again"
                )
            mark = "\ufeff" if now.startswith("\ufeff") else ""
            # people keep it under a link
            write_whole(file.path.resolve(), mark + file.text, keeps_rights=True)
        except (PermissionError, FileNotFoundError) as error:
            raise PlatformError(f"{file.path} cannot be written: {error.strerror}") from error


def _require_same(node: Node, fields: Mapping[str, object], path: Path) -> None:
    unsaid: dict[str, object] = {"role": "worker", "slots": None, "labels": {}}
    given = {**fields, **{key: value for key, value in unsaid.items() if key not in fields}}
    found = {key: getattr(node, key) for key in given}
    differing = [key for key, value in given.items() if found[key] != value]
    if differing:
        told = [f"{key} {found[key]}" if found[key] else f"no {key}" for key in differing]
        raise UsageError(
            f"{node.name} is in {path} already, with {', '.join(told)}",
            hint="take another name; or change the file by hand, then fogbed up",
        )


def _with_nodes(file: BedFile, text: str, nodes: Sequence[Node]) -> BedFile:
    return _settled(file, text, file.testbed.model_copy(update={"nodes": tuple(nodes)}))


def _settled(file: BedFile, text: str, wanted: Testbed) -> BedFile:
    with _nothing_written(file.path):
        return replace(file, text=edit.settled(text, str(file.path), wanted), testbed=wanted)


@contextmanager
def _nothing_written(path: Path) -> Iterator[None]:
    try:
        yield
    except SpecError as error:
        error.hint = f"{path} was left as it is; the lines named are those it would have"
        raise
