"""apt's source files: what they name, and how one repository is set aside."""

from __future__ import annotations

import importlib

import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis import given
from hypothesis import strategies as st
from plugins import cases, load

sources = importlib.import_module("ansible.module_utils.apt_sources")
CASES = cases("apt")
ARCH = "amd64"


def named(case, text):
    uri, suite = case["repository"]["uri"], case["repository"]["suite"]
    found = sources.repositories(case["file"], text)
    return [each for each in found if each.names(uri, suite, ARCH)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_is_read_judged_and_set_aside_as_it_says(case):
    want, file, text = case["repository"], case["file"], case["text"]
    found = named(case, text)
    assert bool(found) is case["named"]
    after = sources.without(file, text, want["uri"], want["suite"], ARCH)
    assert after == case.get("without", text).replace("ASIDE ", sources.ASIDE)
    assert named(case, after) == []
    for each in found:
        assert each.serves(want["components"], ARCH) is case["serves"]
        alone = sources.only(file, each, want["uri"], want["suite"], ARCH)
        assert alone == case["only"]
        assert sources.without(file, alone, want["uri"], want["suite"], ARCH).startswith("#")


def test_files_that_apt_does_not_read():
    names = ["docker.list", "a.b.sources", ".docker.list", "docker.list.save", "x y.list", "README"]
    assert [name for name in names if sources.NAME.fullmatch(name)] == [
        "docker.list",
        "a.b.sources",
        ".docker.list",
    ]


def test_sources_that_are_replaced_are_never_there_together(tmp_path, capsys, monkeypatch):
    texts = load("library/host_texts.py")
    old = tmp_path / "etc/apt/sources.list"
    old.parent.mkdir(parents=True)
    old.write_text("deb http://a.example/ one main\n", encoding="utf-8")
    seen = []
    monkeypatch.setattr(texts, "replace", lambda *_: seen.append(old.exists()))
    want = {"root": str(tmp_path), "remove": ["/etc/apt/sources.list"], "write": {"/new": "x"}}
    with patch_module_args(want), pytest.raises(SystemExit):
        texts.main()
    assert '"changed": true' in capsys.readouterr().out
    assert seen == [False]


uris = st.sampled_from(["http://a.example/x", "http://a.example/x/", "http://b.example/"])
suites = st.sampled_from(["one", "two", "/"])
line = st.builds(
    "{}deb {}{} {} main{}".format,
    st.sampled_from(["", "", "# ", " "]),
    st.sampled_from(["", "[arch=amd64] ", "[ signed-by=/k#1 arch=all ] "]),
    uris,
    suites,
    st.sampled_from(["\n", " # why\n", "\r\n", "\n\n"]),
)
stanza = st.builds(
    "{}Types: deb\nURIs: {}\nSuites: {}\nComponents: main\n{}{}".format,
    st.sampled_from(["", "# mine\n", "Enabled: no\n", "X-Note: a\n b\n"]),
    st.lists(uris, min_size=1, max_size=3, unique=True).map(" ".join),
    st.lists(suites, min_size=1, max_size=3, unique=True).map("\n ".join),
    st.sampled_from(["", "Signed-By:\n -----BEGIN\n .\n x\n"]),
    st.sampled_from(["\n", "\n\n", "# end\n\n"]),
)


def pairs(file, text):
    found = sources.repositories(file, text)
    return {
        (sources.plain_uri(uri, ARCH), suite)
        for each in found
        for uri in each.uris
        for suite in each.suites
    }


@given(
    st.one_of(
        st.tuples(st.just("a.list"), st.lists(line, max_size=5).map("".join)),
        st.tuples(st.just("a.sources"), st.lists(stanza, max_size=4).map("".join)),
    ),
    uris,
    suites,
)
def test_setting_aside_takes_this_repository_and_no_other(written, uri, suite):
    file, text = written
    after = sources.without(file, text, uri, suite, ARCH)
    this = (sources.plain_uri(uri, ARCH), suite)
    assert pairs(file, after) == pairs(file, text) - {this}
    assert sources.without(file, after, uri, suite, ARCH) == after
    if this not in pairs(file, text):
        assert after == text
