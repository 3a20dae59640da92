"""``fogbed init``: what it writes passes ``fogbed check``; what it refuses to do."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.clients.scan import Host
from fogbed.spec import load_testbed

PI = ["init", "--name", "shelf", "--user", "fog", "--key", "~/.ssh/id_ed25519"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nodes_by_flags_pass_the_check(folder, capsys):
    nodes = ["--node", "a=192.0.2.1", "--node", "b=192.0.2.2:fog", "--control-plane", "b"]
    assert main([*PI, *nodes]) == 0
    assert capsys.readouterr().err == (
        "testbed.yml: testbed shelf with 2 nodes\nnext: fogbed doctor -t testbed.yml\n"
    )
    assert main(["check", "testbed.yml"]) == 0
    made = load_testbed(folder / "testbed.yml")
    assert [(n.name, n.address, n.role, n.tier) for n in made.nodes] == [
        ("a", "192.0.2.1", "worker", "edge"),
        ("b", "192.0.2.2", "control-plane", "fog"),
    ]
    assert made.ssh is not None
    assert (made.ssh.user, made.ssh.key) == ("fog", "~/.ssh/id_ed25519")


@pytest.mark.parametrize("name", ["no", "on", "null", "1e3", "0x1f", "12", "a-b"])
def test_names_that_yaml_reads_as_something_else_stay_names(folder, name):
    assert main([*PI[:2], name, *PI[3:], "--node", f"{name}=192.0.2.1"]) == 0
    made = load_testbed(folder / "testbed.yml")
    assert (made.name, made.nodes[0].name) == (name, name)


def test_a_user_and_a_key_with_anything_in_them(folder):
    key = '/home/o"brien/a: #b\\c'
    argv = ["init", "--user", "dom\\o: x", "--key", key, "--node", "a=192.0.2.1"]
    assert main(argv) == 0
    made = load_testbed(folder / "testbed.yml")
    assert made.ssh is not None
    assert (made.ssh.user, made.ssh.key) == ("dom\\o: x", key)


def test_a_laptop(folder):
    assert main(["init", "--platform", "local"]) == 0
    made = load_testbed(folder / "testbed.yml")
    assert (made.platform, made.name, len(made.nodes)) == ("local", "laptop", 4)
    assert main(["init", "--platform", "local", "--node", "x:fog", "-o", "other.yml"]) == 0
    assert main(["check", "other.yml"]) == 0


def test_kind(folder, capsys):
    assert main(["init", "--platform", "kind"]) == 0
    assert main(["check", "testbed.yml"]) == 0
    assert capsys.readouterr().out == "testbed.yml: Testbed kind is valid\n"
    made = load_testbed(folder / "testbed.yml")
    assert (made.platform, made.name) == ("kind", "kind")
    assert [(n.name, n.role, n.tier) for n in made.nodes] == [
        ("cloud-1", "control-plane", "cloud"),
        ("fog-1", "worker", "fog"),
        ("edge-1", "worker", "edge"),
        ("edge-2", "worker", "edge"),
    ]
    more = ["--node", "x:fog", "--node", "y", "--control-plane", "y", "-o", "other.yml"]
    assert main(["init", "--platform", "kind", *more]) == 0
    assert main(["check", "other.yml"]) == 0


def test_a_cluster_that_is_there(folder, capsys):
    nodes = ["--node", "worker-a:fog", "--node", "worker-b=192.0.2.9"]
    assert main(["init", "--platform", "kubernetes", *nodes]) == 0
    assert main(["check", "testbed.yml"]) == 0
    assert capsys.readouterr().out == "testbed.yml: Testbed shared is valid\n"
    made = load_testbed(folder / "testbed.yml")
    assert (made.platform, made.name, made.context) == ("kubernetes", "shared", None)
    assert [(n.name, n.address, n.role, n.tier) for n in made.nodes] == [
        ("worker-a", None, "worker", "fog"),
        ("worker-b", "192.0.2.9", "worker", "edge"),
    ]


def test_a_context_means_a_cluster_that_is_there(folder):
    argv = ["init", "--context", "kind of: lab", "--node", "a", "--control-plane", "a"]
    assert main(argv) == 0
    made = load_testbed(folder / "testbed.yml")
    assert (made.platform, made.context) == ("kubernetes", "kind of: lab")
    assert [(n.name, n.role, n.tier) for n in made.nodes] == [("a", "control-plane", "cloud")]


@pytest.mark.parametrize("words", [["kind"], ["kubernetes", "--node", "a"]])
def test_what_stands_in_comments_can_be_said(folder, words):
    assert main(["init", "--platform", *words]) == 0
    head, _, tail = (folder / "testbed.yml").read_text().partition("# What else can be said")
    said = [line.removeprefix("# ") for line in tail.splitlines()[1:]]
    (folder / "more.yml").write_text("\n".join([head, *said, ""]), encoding="utf-8")
    assert main(["check", "more.yml"]) == 0


def test_a_file_is_never_overwritten(folder, capsys):
    (folder / "testbed.yml").write_text("mine", encoding="utf-8")
    assert main([*PI, "--node", "a=192.0.2.1"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed.yml is there already; nothing was written\n"
        "hint: give another name with --output FILE\n"
    )
    assert (folder / "testbed.yml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["init"], "SSH; kubernetes: a cluster that is there) is not given"),
        (["init", "--platform", "kubernetes"], "names of the cluster's nodes"),
        (["init", "--platform", "kind", "--context", "x"], "platform kind has no --context"),
        ([*PI, "--context", "x", "--node", "a=192.0.2.1"], "platform pi has no --context"),
        (["init", "--platform", "kind", "--node", "a=192.0.2.1"], "platform kind have no address"),
        ([*PI], "addresses of the nodes, the control plane's first is not given"),
        ([*PI, "--node", "a"], "--node a does not say which node is where"),
        ([*PI, "--node", "a=192.0.2.1:sky"], "there is no tier sky"),
        ([*PI, "--node", "a=192.0.2.1", "--control-plane", "b"], "there is no such node"),
        ([*PI, "--node", "a=300.0.2.1"], "'300.0.2.1' is not an IPv4 address"),
        ([*PI, "--node", "a=192.0.2.1", "--node", "a=192.0.2.2"], "testbed.yml:"),
        ([*PI, "--scan", "198.18.0.0/16"], "too many to try them all"),
        ([*PI, "--scan", "127.0.5.0/30"], "nobody is there to ask; nothing was changed"),
        ([*PI, "--scan", "127.0.5.0/30", "--yes"], "nothing with SSH was found in 127.0.5.0/30"),
        (["init", "--platform", "local", "--user", "x"], "platform local has no --user"),
        (["init", "--platform", "local", "--node", "a=192.0.2.1"], "have no address"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_written(folder, capsys, argv, said):
    assert main(argv) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "testbed.yml").exists()


def test_of_what_a_scan_finds_the_raspberry_pis_are_taken(folder, monkeypatch, capsys):
    found = [
        Host(address="192.0.2.1", greeting="SSH-2.0-dropbear", mac="00:11:22:33:44:55"),
        Host(address="192.0.2.7", greeting="SSH-2.0-OpenSSH_9.2p1", mac="d8:3a:dd:00:00:01"),
        Host(address="192.0.2.8", greeting="SSH-2.0-OpenSSH_9.2p1", mac="dc:a6:32:00:00:02"),
    ]
    # a documentation network has no machines
    monkeypatch.setattr("fogbed.cli.init_answers.scan", lambda *_: found)
    argv = [*PI, "--scan", "192.0.2.0/24", "--yes", "--node", "shelf-0=192.0.2.8"]
    assert main(argv) == 0
    made = load_testbed(folder / "testbed.yml")
    assert [(node.name, node.address) for node in made.nodes] == [
        ("shelf-0", "192.0.2.8"),
        ("shelf-1", "192.0.2.7"),
    ]
    assert "  # SSH-2.0-OpenSSH_9.2p1, Raspberry Pi\n" in (folder / "testbed.yml").read_text()
    assert "1  192.0.2.1  SSH-2.0-dropbear  00:11:22:33:44:55" in capsys.readouterr().err
