"""Files that are broken or hostile: each is refused at once, with its line and a way out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.errors import SpecError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MEND = "; mend it; what follows was not read"
HEAD = "apiVersion: fogbed/v1\nkind: NetworkProfile\nname: case\n"

TAB = "found character '\\t' that cannot start any token; indent with spaces, not tabs"
CHARACTER = "unacceptable character #x0001: special characters are not allowed"

BROKEN = {
    "empty": ("", "1: the file is empty; write apiVersion, kind and name first"),
    "comments only": ("# later\n", "1: the file is empty; write apiVersion, kind and name first"),
    "a list": (
        "- a\n",
        "1: the file is a list, not a mapping; write keys at its top, as in `name: metro`",
    ),
    "open bracket": (
        "a: [1\nb: 2\n",
        "2: is not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'" + MEND,
    ),
    "tab": (
        "a:\n\t- b\n",
        "2: is not YAML: while scanning for the next token, " + TAB,
    ),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        "2: is not YAML: expected a single document in the stream, but found another document"
        + MEND,
    ),
    "unknown alias": (
        "a: *b\n",
        "1: is not YAML: found undefined alias 'b'" + MEND,
    ),
    "control character": (
        "a: \x01\n",
        f"1: is not YAML: {CHARACTER}; remove the character",
    ),
    "alias bomb": (
        BOMB,
        "5: e: its aliases stand for more than 10,000 values; write fewer aliases (*name)",
    ),
    "alias of itself": ("a: &a [*a]\n", "1: a: is nested too deeply; at most 40 levels"),
    "deep": (f"a: {'[' * 100}{']' * 100}\n", "1: a: is nested too deeply; at most 40 levels"),
    # each takes two of the 1,000 frames that there are, and the time grows as their square
    "too deep to parse": ("[" * 600, "1: is nested too deeply; at most 40 levels"),
}


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as wrong:
        spec.load_profile(path)
    assert wrong.value.details is not None
    return wrong.value.details.replace(f"{path}:", "")


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_one_clear_problem(case: str, tmp_path: Path) -> None:
    text, said = BROKEN[case]
    path = tmp_path / "case.yml"
    path.write_text(text, encoding="utf-8")
    assert refused(path) == said


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_text("[" * 1_000_001, encoding="utf-8")
    assert refused(path) == "1: is 1,000,001 bytes; at most 1,000,000 are read"


def test_bytes_that_are_not_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    path.write_bytes(b"apiVersion: fogbed/v1\nname: caf\xe9\n")
    assert refused(path) == "2: is not UTF-8 text; save it as UTF-8"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert spec.load_profile(path).name == "case"


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "metro.yml").write_text(HEAD, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path) == "1: is a folder, not a file; name a YAML file in it"
    assert refused(tmp_path / "pipe") == "1: is not a regular file; check the path"
    assert refused(tmp_path / "merto.yml") == "1: there is no such file; did you mean metro.yml?"
    assert refused(tmp_path / "no" / "x.yml") == "1: there is no such file; check the path"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    path.write_text(HEAD, encoding="utf-8")
    path.chmod(0)
    assert refused(path) == "1: cannot be read: Permission denied; check the file's rights"


def test_what_yaml_allows_and_specs_do_not_is_said_beside_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    text = 'default: {delay: !ms 5ms, loss: }\n? [a]\n: b\nlinks: []\nlinks: []\nname: "\\ud800"\n'
    path.write_text(f"apiVersion: fogbed/v1\nkind: NetworkProfile\n{text}", encoding="utf-8")
    assert refused(path).splitlines() == [
        "1: a key is not plain text; write a word and a colon",
        "3: default.delay: has the tag !ms; remove the tag",
        "3: default.loss: has no value; write one, or remove the line",
        "7: links: is given twice, first in line 6; keep one of them",
        "8: name: holds half a surrogate pair; write the character itself",
    ]


def test_anchors_and_aliases_work_and_may_be_set_again(tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    links = "- &a {from: edge, to: fog, delay: 5ms}\n- *a\n- &a {from: fog, to: edge, loss: 1%}\n"
    path.write_text(f"{HEAD}links:\n{links}- *a\n", encoding="utf-8")
    first, second, third, fourth = spec.load_profile(path).links
    assert first == second
    assert third == fourth
