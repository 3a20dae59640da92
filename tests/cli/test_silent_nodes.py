"""Nodes that do not answer: what is said within seconds, what goes on, what is remembered."""

from __future__ import annotations

import time

from fogbed.cli import main
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.state import names_up


def test_an_up_that_never_got_in_is_no_testbed_that_is_up(pico, capsys):
    assert pico.exists()
    assert main(["up"]) == 1
    assert "Preflight failed on" in capsys.readouterr().err
    assert names_up() == ()
    assert PiFolder("pico").playbooks.is_dir()


def test_a_node_that_is_off_is_not_rebooted_and_said_at_once(pico, capsys):
    assert pico.exists()
    began = time.monotonic()
    assert main(["node", "reboot", "pico-1", "--yes"]) == 1
    assert time.monotonic() - began < 30
    said = capsys.readouterr().err
    assert "error: pico-1 cannot be asked; nothing was changed\n" in said
    assert "pico-1 has no SSH server; sudo systemctl enable --now ssh there" in said


def test_down_names_who_was_left_and_forgets_who_is_gone_for_good(pico, capsys):
    folder = PiFolder("pico")
    folder.begin(inventory="", spec=pico.read_text(encoding="utf-8"), origin=pico)
    assert main(["down", "--yes"]) == 1
    said = capsys.readouterr().err
    assert "pico-0, pico-1, pico-2, pico-3 of testbed pico did not answer and was left" in said
    assert said.endswith("if it is gone for good, give --forget-unreachable\n")
    assert names_up() == ("pico",)
    assert main(["down", "--yes", "--forget-unreachable"]) == 0
    assert names_up() == ()


def test_down_keeps_the_data_and_what_opens_it(pico, playbooks, capsys, ssh_that):
    ssh_that("exit 0")
    folder = PiFolder("pico")
    folder.begin(inventory="", spec=pico.read_text(encoding="utf-8"), origin=pico)
    folder.credentials.write_text("{}", encoding="utf-8")
    assert main(["down", "--yes"]) == 0
    assert capsys.readouterr().err.endswith(
        "kept: what MinIO holds (/var/lib/fogbed/volumes of pico-0), for an up with MinIO there; "
        "fogbed down --purge removes it\n"
    )
    assert folder.credentials.exists()
    assert main(["down", "--purge", "--yes"]) == 0
    assert not folder.credentials.exists()
    assert [name for name, _ in playbooks.names()] == ["reset", "reset"]


def test_status_of_a_cluster_that_is_off_is_free_of_a_library_s_warnings(pico, capfd):
    folder = PiFolder("pico")
    folder.begin(inventory="", spec=pico.read_text(encoding="utf-8"), origin=pico)
    folder.write_kubeconfig(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        'clusters: [{name: a, cluster: {server: "http://127.0.0.1:9"}}]\n'
        "users: [{name: a, user: {}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
    )
    assert main(["status"]) == 0
    said = capfd.readouterr()
    assert "Retry" not in said.err + said.out
    assert (
        "the API server http://127.0.0.1:9 does not answer: Connection refused"
        in said.err + said.out
    )
