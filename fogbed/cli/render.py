"""``fogbed render``: what would be applied, as text; the same testbed gives the same bytes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.options import TestbedOption
from fogbed.errors import PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.plan.inventory import RENDERED
from fogbed.spec.testbed import Testbed

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show what would be applied, as text."
)

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default=False),
]
CheckOption = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Compare with FILE, or with what was applied last; exit 1 where they differ.",
    ),
]

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Write one file each there.", show_default=False
    ),
]
FolderCheckOption = Annotated[
    bool, typer.Option("--check", help="Compare with FOLDER; exit 1 where they differ.")
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="PART",
        help="Leave a part out, as minio; may be given several times.",
        show_default=False,
    ),
]


@app.callback()
def render() -> None:
    """Show what would be applied, as text."""


@app.command(
    epilog="Example: fogbed render inventory -t testbed.yml -o hosts.yml; "
    "then fogbed render inventory -t testbed.yml -o hosts.yml --check"
)
def inventory(
    *, testbed: TestbedOption = None, output: OutputOption = None, check: CheckOption = False
) -> None:
    """Show the Ansible inventory of a testbed of Pis."""
    bed, _ = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed)
    text = platform.inventory()
    if check:
        _compare(output or platform.folder.inventory, text, applied=output is None)
    elif output is None:
        console.stream([text])
    else:
        _write(output, text)


@app.command(
    epilog="Example: fogbed render manifests -t testbed.yml -o manifests; "
    "then kubectl apply -f manifests"
)
def manifests(
    *,
    testbed: TestbedOption = None,
    output: FolderOption = None,
    check: FolderCheckOption = False,
    without: WithoutOption = None,
) -> None:
    """Show the Kubernetes manifests of a testbed's stack, in the order in which they are applied.

    The Secrets that they name hold what nobody may read, and are made by fogbed up.
    """
    from fogbed.plan.cluster import facts_from
    from fogbed.plan.manifests import PARTS, render_manifests

    bed, _ = platforms.locate_testbed(testbed)
    _require_cluster(bed)
    left_out = frozenset(without or ())
    unknown = sorted(left_out - PARTS.keys())
    if unknown:
        raise UsageError(
            f"there is no part {', '.join(unknown)}", hint=f"write one of {', '.join(PARTS)}"
        )
    files = render_manifests(bed, facts_from(bed), without=left_out)
    texts = {each.name: each.text for each in files}
    if check:
        _compare_folder(output, texts)
    elif output is None:
        console.stream(["---\n".join(texts.values())])
    else:
        _write_folder(output, texts)


def _require_cluster(bed: Testbed) -> None:
    if not platforms.abilities_of(bed).is_a_cluster:
        raise UsageError(
            f"testbed {bed.name} is of platform {bed.platform}, which is no Kubernetes cluster",
            hint="name another testbed with -t",
        )


def _rendered_in(folder: Path) -> set[str]:
    """Return the names of the files of a folder that fogbed has rendered."""
    return {path.name for path in folder.glob("*.yaml") if _is_ours(path.read_bytes())}


def _write_folder(folder: Path, texts: Mapping[str, str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name another one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # what the testbed has no more must not be applied with the rest
        for name in _rendered_in(folder) - texts.keys():
            (folder / name).unlink()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    for name, text in texts.items():
        _write(folder / name, text)


def _compare_folder(folder: Path | None, texts: Mapping[str, str]) -> None:
    if folder is None or not folder.is_dir():
        what = "no folder is named" if folder is None else f"there is no folder {folder}"
        raise UsageError(
            f"{what}: there is nothing to compare with",
            hint="fogbed render manifests -o FOLDER writes one; "
            "fogbed status compares with what runs",
        )
    differing = []
    for name in sorted(texts.keys() | _rendered_in(folder)):
        path = folder / name
        there = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if there != texts.get(name, ""):
            differing.append(name)
            console.stream(_difference(path, there, texts.get(name, "")))
    if differing:
        raise PlatformError(
            f"{folder} is not as the testbed says: {', '.join(differing)}",
            hint=f"fogbed render manifests -o {folder}",
        )
    console.note(f"{folder} is as the testbed says")


def _difference(path: Path, there: str, text: str) -> Iterator[str]:
    return difflib.unified_diff(
        there.splitlines(keepends=True),
        text.splitlines(keepends=True),
        str(path),
        "as the testbed says",
    )


def _write(path: Path, text: str) -> None:
    try:
        if path.is_file() and not _is_ours(path.read_bytes()):
            raise UsageError(
                f"{path} is there, and fogbed has not rendered it",
                hint="name another file, or remove that one first",
            )
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a device or a pipe: /dev/stdout
        else:
            write_whole(path.resolve(), text, keeps_rights=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError) as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _is_ours(content: bytes) -> bool:
    # an empty one is nobody's: mktemp makes it
    return not content or content.startswith(RENDERED.encode())


def _compare(path: Path, text: str, *, applied: bool) -> None:
    if not path.is_file():
        what = "no inventory has been applied yet" if applied else f"there is no file {path}"
        way_out = "fogbed up applies it" if applied else f"without --check, {path} is written"
        raise UsageError(f"{what}: there is nothing to compare with", hint=way_out)
    there = path.read_text(encoding="utf-8", errors="replace")
    if there == text:
        console.note(f"{path} is as the testbed says")
        return
    console.stream(_difference(path, there, text))
    way_out = "fogbed up applies it" if applied else f"fogbed render inventory -o {path}"
    raise PlatformError(f"{path} is not as the testbed says", hint=way_out)
