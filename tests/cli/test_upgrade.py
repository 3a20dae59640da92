"""``fogbed upgrade`` up to the point where nodes are touched."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.errors import UsageError
from fogbed.plan.upgrade import plan_upgrade
from fogbed.platforms.pi.folder import PiFolder


@pytest.mark.parametrize(
    ("versions", "target", "rest"),
    [
        (["v1.35.4", "v1.35.4"], "1.36", {"n0": "1.35.4", "n1": "1.35.4"}),
        (["v1.36.0", "v1.35.4"], "1.36", {"n1": "1.35.4"}),
        (["v1.36.0", "v1.36.2"], "1.36", {}),
        (["v1.36.0", "v1.36.2"], "v1.36.2", {"n0": "1.36.0"}),
        (["v1.9.3"], "1.10", {"n0": "1.9.3"}),
        (["v1.36.0-rc.1", "v1.36.1"], "1.37.0", {"n0": "1.36.0", "n1": "1.36.1"}),
    ],
)
def test_what_is_not_there_yet_is_upgraded(versions, target, rest):
    plan = plan_upgrade({f"n{i}": version for i, version in enumerate(versions)}, target)
    assert plan.versions == rest
    assert plan.is_done == (not rest)
    assert plan.target == target.removeprefix("v")


@pytest.mark.parametrize(
    ("versions", "target", "message", "hint"),
    [
        (
            ["v1.34.1"],
            "1.37.2",
            "from 1.34.1 to 1.37.2 skips a minor: Kubernetes goes up one at a time",
            "; then ".join(f"fogbed upgrade --to {step}" for step in ("1.35", "1.36", "1.37.2")),
        ),
        (
            ["v1.36.1", "v1.35.4"],
            "1.37",
            "from 1.35.4 to 1.37 skips a minor: Kubernetes goes up one at a time",
            "fogbed upgrade --to 1.36; then fogbed upgrade --to 1.37",
        ),
        (
            ["v1.36.1", "v1.35.4"],
            "1.35",
            "n0: has 1.36.1, and Kubernetes does not go down to 1.35",
            "fogbed down, then fogbed up with the older version in the testbed's file",
        ),
        (
            ["v1.36.1"],
            "1.36.0",
            "n0: has 1.36.1, and Kubernetes does not go down to 1.36.0",
            "fogbed down, then fogbed up with the older version in the testbed's file",
        ),
        (
            ["v1.36.1"],
            "2.0",
            "from 1.36.1 to 2.0 skips a minor: Kubernetes goes up one at a time",
            "fogbed upgrade --to 1.37",
        ),
        (["v1.36.1"], "newest", "'newest' is not a version", "write 1.37 or 1.37.2"),
        (["v1.36.1"], "1.37.x", "'1.37.x' is not a version", "write 1.37 or 1.37.2"),
    ],
)
def test_what_kubernetes_does_not_do_is_refused(versions, target, message, hint):
    with pytest.raises(UsageError) as wrong:
        plan_upgrade({f"n{i}": version for i, version in enumerate(versions)}, target)
    assert (wrong.value.message, wrong.value.hint) == (message, hint)


def test_no_cluster_no_upgrade(pico, capsys):
    assert pico.exists()
    assert main(["upgrade", "--to", "1.36"]) == 1
    assert capsys.readouterr().err == (
        "error: nothing to upgrade: there is no cluster yet; fogbed up makes it\n"
    )
    assert main(["upgrade", "--to", "soon"]) == 2
    assert capsys.readouterr().err == (
        "error: 'soon' is not a version\nhint: write 1.37 or 1.37.2\n"
    )


def test_a_dry_run_says_what_would_be_done(cluster, capsys):
    cluster.versions["pico-2"] = "v1.36.1"
    assert main(["upgrade", "--to", "1.36", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "To Kubernetes 1.36, one after the other:\n"
        "  pico-0 (control-plane), from 1.35.4\n"
        "  pico-1 (worker), from 1.35.4\n"
        "  pico-3 (worker), from 1.35.4\n"
        "Each is drained first: its pods move to the other nodes.\n"
    )


@pytest.mark.usefixtures("cluster")
def test_nothing_begins_unasked(capsys):
    assert main(["upgrade", "--to", "1.36"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: nobody is there to ask; nothing was changed\nhint: give --yes\n"
    )


def test_when_all_is_done_only_the_file_is_brought_up_to_date(cluster, pico, capsys):
    cluster.own = "v1.36.1"
    cluster.versions.update(dict.fromkeys(cluster.versions, "v1.36.1"))
    before = pico.read_text(encoding="utf-8")
    for _ in range(2):
        assert main(["upgrade", "--to", "1.36", "--yes"]) == 0
    assert capsys.readouterr().err == (
        "every node has Kubernetes 1.36: there is nothing to upgrade\n"
        f"{pico} says kubernetes.version: '1.36' now\n"
        "every node has Kubernetes 1.36: there is nothing to upgrade\n"
    )
    assert pico.read_text(encoding="utf-8") == before.replace('"1.35"', '"1.36"')
    assert "version: '1.36'" in PiFolder("pico").spec.read_text(encoding="utf-8")
    assert main(["render", "inventory", "--check"]) == 0


def test_a_cluster_of_other_nodes_than_the_files_is_not_upgraded(cluster, capsys):
    cluster.versions["stranger"] = "v1.35.4"
    del cluster.versions["pico-3"]
    assert main(["upgrade", "--to", "1.36", "--yes"]) == 2
    assert capsys.readouterr().err == (
        "error: the cluster's nodes are not those of the file: pico-3, stranger\n"
        "hint: fogbed status says what to do about each\n"
    )
