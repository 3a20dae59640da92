from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed import paths, spec
from fogbed.errors import SpecError
from fogbed.spec.rtt_matrix import Averaged, import_matrix

CASES = Path(__file__).parents[2] / "cases" / "matrices"
SITES = "cloud: a\nfog: b\nfog-1: c\n"


PAIRS = [(0, 1), (0, 2), (1, 2)]


def imported(folder, matrix, sites=SITES):
    (folder / "m.csv").write_text(matrix, encoding="utf-8")
    (folder / "sites.yml").write_text(sites, encoding="utf-8")
    return import_matrix(folder / "m.csv", folder / "sites.yml", name="made")


def lines_of(found):
    return {rule.between: rule.rtt for rule in found.profile.links}


def test_every_pair_of_ends_gets_the_rtt_of_its_sites(tmp_path):
    found = imported(tmp_path, ",a,b,c\na,0.4,10,30\nb,10,,20\nc,30,20,0.1\n")
    assert lines_of(found) == {
        ("cloud", "cloud"): 0.4,
        ("cloud", "fog"): 10.0,
        ("cloud", "fog-1"): 30.0,
        ("fog", "fog-1"): 20.0,
    }
    assert found.averaged == ()


def test_what_is_written_loads_as_a_profile(tmp_path):
    found = imported(tmp_path, ",a,b,c\na,0.4,10,30\nb,12,,20\nc,30,20,0.1\n")
    (tmp_path / "made.yml").write_text(spec.dump_yaml(found.profile), encoding="utf-8")
    assert spec.load_profile(tmp_path / "made.yml") == found.profile


def test_entries_that_differ_are_averaged_and_one_way_alone_stands_for_both(tmp_path):
    found = imported(tmp_path, ",a,b,c\na,,10,\nb,13,,20\nc,30,,\n")
    assert lines_of(found) == {
        ("cloud", "fog"): 11.5,
        ("cloud", "fog-1"): 30.0,
        ("fog", "fog-1"): 20.0,
    }
    assert found.averaged == (Averaged(("a", "b"), 10.0, 13.0, 11.5),)


def test_the_long_form_says_the_same(tmp_path):
    long = "from,to,rtt_ms\na,b,10\nb,a,13\nc,a,30\nb,c,20\n"
    square = ",a,b,c\na,,10,\nb,13,,20\nc,30,,\n"
    assert imported(tmp_path, long) == imported(tmp_path, square)


def test_nodes_at_one_site_have_its_own_rtt_or_nothing_added(tmp_path):
    sites = "fog-1: a\nfog-2: a\ncloud: b\n"
    with_own = imported(tmp_path, ",a,b\na,0.5,5\nb,5,\n", sites)
    without = imported(tmp_path, ",a,b\na,,5\nb,5,\n", sites)
    assert lines_of(with_own)["fog-1", "fog-2"] == 0.5
    assert ("fog-1", "fog-2") not in lines_of(without)


@pytest.mark.parametrize("form", ["square", "long"])
def test_every_problem_of_both_files_is_said_at_once(form, monkeypatch):
    monkeypatch.chdir(CASES)
    with pytest.raises(SpecError) as refused:
        import_matrix(Path(f"wrong-{form}.csv"), Path("wrong-sites.yml"), name="made")
    said = "\n".join(map(str, refused.value.problems)) + "\n"
    assert said == Path(f"wrong-{form}.txt").read_text(encoding="utf-8")


def test_what_cannot_be_read_is_said_beside_what_is_wrong_in_the_other_file(tmp_path):
    (tmp_path / "sites.yml").write_text("cloud: 5\n", encoding="utf-8")
    with pytest.raises(SpecError) as refused:
        import_matrix(tmp_path / "none.csv", tmp_path / "sites.yml", name="made")
    assert [each.what for each in refused.value.problems] == [
        "cannot be read: No such file or directory",
        "is not a site",
    ]


@given(
    rtts=st.lists(st.none() | st.floats(0.001, 1e4), min_size=9, max_size=9),
)
def test_a_matrix_is_imported_or_refused_and_no_rtt_is_outside_its_two_entries(
    rtts, tmp_path_factory
):
    names = "abc"
    cells = [["" if r is None else repr(r) for r in rtts[3 * i : 3 * i + 3]] for i in range(3)]
    rows = [",".join([names[i], *cells[i]]) for i in range(3)]
    text, folder = "\n".join([",a,b,c", *rows, ""]), tmp_path_factory.mktemp("m")
    known = [bool(rtts[3 * i + j] or rtts[3 * j + i]) for i, j in PAIRS]
    if not all(known):
        with pytest.raises(SpecError) as refused:
            imported(folder, text)
        assert len(refused.value.problems) == known.count(False)
        return
    found = imported(folder, text)
    site = {"cloud": 0, "fog": 1, "fog-1": 2}
    for (one, other), rtt in lines_of(found).items():
        i, j = site[one], site[other]
        given_ms = [r for r in (rtts[3 * i + j], rtts[3 * j + i]) if r is not None]
        assert min(given_ms) - 0.001 <= rtt <= max(given_ms) + 0.001


def test_the_shipped_matrix_is_sound():
    folder = paths.asset("experiments", "matrices")
    found = import_matrix(folder / "europe.csv", folder / "sites.yml", name="europe")
    assert lines_of(found)["cloud", "edge"] == 11.1
