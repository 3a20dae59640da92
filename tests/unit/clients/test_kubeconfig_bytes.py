"""A kubeconfig in whatever spelling: what is not ours stays byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.clients.kubeconfig import add_context, remove_context
from fogbed.errors import PlatformError

from .test_kubeconfig import ADMIN

CASES = sorted((Path(__file__).parents[2] / "cases" / "kubeconfig").glob("*"))


def lines_left(before, after):
    """Whether the lines of one text stand in another, in their order."""
    rest = iter(after.splitlines())
    return all(any(line == other for other in rest) for line in before.splitlines())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_goes_again_and_leaves_every_byte(case, tmp_path):
    path = tmp_path / "config"
    path.write_bytes(case.read_bytes())
    assert add_context(path, "pico", ADMIN)
    once = path.read_bytes()
    assert not add_context(path, "pico", ADMIN)
    assert path.read_bytes() == once
    assert remove_context(path, "pico", {"https://192.0.2.10:6443"})
    assert path.read_bytes() == case.read_bytes()


NOTHING = ["", " ", " null", " ~", "  Null", " null # x", "  # x", " []", "  []", " [ ]"]


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_stood_for_an_empty_list_comes_back_as_it_was(tmp_path, nothing, newline):
    keys = [f"{kind}:{nothing}" for kind in ("clusters", "contexts", "users")]
    before = newline.join(["apiVersion: v1", *keys, "kind: Config", "current-context: ''", ""])
    assert_comes_and_goes(tmp_path / "config", before)


@pytest.mark.parametrize("nothing", ["null", "[]", "[ ]", "[\n  ]"])
@pytest.mark.parametrize("colon", [":", ": ", ":\t", ":\n  "])
def test_what_stood_for_an_empty_list_in_json_comes_back_too(tmp_path, nothing, colon):
    keys = [f'"{kind}"{colon}{nothing}' for kind in ("clusters", "contexts", "users")]
    assert_comes_and_goes(
        tmp_path / "config", "{" + ",\n".join([*keys, '"current-context": "x"']) + "}\n"
    )


def assert_comes_and_goes(path, before):
    path.write_bytes(before.encode())
    assert add_context(path, "pico", ADMIN)
    assert add_context(path, "pico", ADMIN.replace("S0VZ", "TkVX"))
    assert b"TkVX" in path.read_bytes()
    if path.read_bytes().startswith(b"{"):
        assert json.loads(path.read_bytes())["users"][0]["name"] == "pico"
    assert remove_context(path, "pico", {"https://192.0.2.10:6443"})
    assert path.read_bytes().decode() == before


KINDS = ("clusters", "users", "contexts")


@pytest.mark.parametrize("absent", [KINDS, *((kind,) for kind in KINDS), ()])
@pytest.mark.parametrize("current", [None, "", " ''", ' ""  # none', " null", "  ~", " mine"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n# the end\n"])
def test_a_key_that_was_not_there_is_not_there_again(tmp_path, absent, current, end):
    keys = [f"{kind}: []" for kind in KINDS if kind not in absent]
    keys += [] if current is None else [f"current-context:{current}"]
    newline = "\r\n" if end == "\r\n" else "\n"
    assert_comes_and_goes(tmp_path / "config", newline.join(["kind: Config", *keys]) + end)


@pytest.mark.parametrize(
    "before",
    [
        "{}\n",
        '{"kind": "Config"}',
        '{"clusters":[],\n"kind":"Config"\n}\n',
        '{\n "users": null,\n "current-context":""\n}\n',
        '{"contexts": [], "clusters": []}',
    ],
)
def test_a_key_that_was_not_there_in_json_is_not_there_again(tmp_path, before):
    assert_comes_and_goes(tmp_path / "config", before)


@pytest.mark.parametrize("before", ["", "\n", "  \n\n", "# mine\n", "# mine", "\ufeff"])
def test_a_file_with_nothing_in_it_is_as_empty_again(tmp_path, before):
    assert_comes_and_goes(tmp_path / "config", before)


def test_a_file_that_was_not_there_goes_again(tmp_path):
    path = tmp_path / "config"
    assert add_context(path, "pico", ADMIN)
    assert remove_context(path, "pico", {"https://192.0.2.10:6443"})
    assert not path.exists()


def test_a_file_that_was_not_there_stays_with_what_others_have_put_into_it(tmp_path):
    path = tmp_path / "config"
    add_context(path, "pico", ADMIN)
    add_context(path, "oslo", ADMIN)
    assert remove_context(path, "pico", {"https://192.0.2.10:6443"})
    assert b"name: oslo" in path.read_bytes()
    assert b"pico" not in path.read_bytes()


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.suffix == ".yml"], ids=lambda case: case.name
)
def test_no_line_of_theirs_is_written_anew(case, tmp_path):
    path = tmp_path / "config"
    path.write_bytes(case.read_bytes())
    add_context(path, "pico", ADMIN)
    text = path.read_bytes().decode()
    assert lines_left(case.read_bytes().decode(), text)
    assert ("\r\n" in text) == ("\n" not in text.replace("\r\n", ""))


@pytest.mark.parametrize("name", ["on", "n", "0x10", "1e3", "12-30"])
def test_a_testbed_of_any_name_is_text(tmp_path, name):
    path = tmp_path / "config"
    add_context(path, name, ADMIN)
    assert f'\ncurrent-context: "{name}"  # fogbed' in path.read_text(encoding="utf-8")


def test_mode_and_link_stay(tmp_path):
    target = tmp_path / "dotfiles" / "kube"
    target.parent.mkdir()
    target.write_bytes(CASES[0].read_bytes())
    target.chmod(0o640)
    path = tmp_path / "config"
    path.symlink_to(target)
    add_context(path, "pico", ADMIN)
    assert path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_cut_is_left_as_it_is(tmp_path):
    path = tmp_path / "config"
    text = "clusters: &all []\nusers: *all\ncontexts: *all\ncurrent-context: x\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlatformError, match="in a way that fogbed cannot change"):
        add_context(path, "pico", ADMIN)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"clusters: {}\n", b"users: [a]\n", b"a: b: c\n"])
def test_no_kubeconfig_is_named_as_such(tmp_path, content):
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(PlatformError, match="cannot read it as a kubeconfig"):
        add_context(path, "pico", ADMIN)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match=r"cannot be (read|written): Not a directory"):
        add_context(tmp_path / "file" / "config", "pico", ADMIN)
