"""``fogbed render``: the same bytes on stdout and in files; drift is exit 1."""

from __future__ import annotations

import os

import pytest
from ruamel.yaml import YAML

from fogbed.cli import main
from fogbed.platforms.pi.folder import PiFolder


def rendered(capsys):
    assert main(["render", "inventory"]) == 0
    return capsys.readouterr().out


def test_the_inventory_goes_to_stdout_or_to_a_file(pico, capsys):
    text = rendered(capsys)
    assert text.startswith("# Rendered by fogbed from testbed pico. ")
    assert rendered(capsys) == text
    there = pico.with_name("hosts.yml")
    assert main(["render", "inventory", "--output", str(there)]) == 0
    assert there.read_text(encoding="utf-8") == text
    assert capsys.readouterr().out == ""


def test_a_file_that_was_not_rendered_is_not_written_over(pico, capsys):
    before = pico.read_bytes()
    assert main(["render", "inventory", "-o", str(pico)]) == 2
    assert capsys.readouterr().err == (
        f"error: {pico} is there, and fogbed has not rendered it\n"
        "hint: name another file, or remove that one first\n"
    )
    assert pico.read_bytes() == before
    empty = pico.with_name("empty.yml")
    empty.touch()
    assert main(["render", "inventory", "-o", str(empty)]) == 0
    assert main(["render", "inventory", "-o", str(empty)]) == 0


def test_a_link_and_what_is_no_file_stay_what_they_are(pico, capsys):
    text = rendered(capsys)
    kept, link, pipe = (pico.with_name(name) for name in ("kept.yml", "link.yml", "pipe"))
    kept.touch(mode=0o600)
    link.symlink_to("kept.yml")
    os.mkfifo(pipe)  # /dev/stdout may be one, or a terminal; root could put a file in its place
    reader = os.open(pipe, os.O_RDWR)
    try:
        for place in (link, pipe):
            assert main(["render", "inventory", "-o", str(place)]) == 0
        assert os.read(reader, 2 * len(text)).decode() == text
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert kept.read_text(encoding="utf-8") == text
    assert kept.stat().st_mode & 0o777 == 0o600


def test_check_shows_what_differs_from_a_file(pico, capsys):
    there = pico.with_name("hosts.yml")
    main(["render", "inventory", "-o", str(there)])
    assert main(["render", "inventory", "-o", str(there), "--check"]) == 0
    assert capsys.readouterr().err == f"{there} is as the testbed says\n"
    moved = pico.read_text(encoding="utf-8").replace("127.9.9.10", "127.9.9.99")
    pico.write_text(moved, encoding="utf-8")
    before = there.read_bytes()
    assert main(["render", "inventory", "-o", str(there), "--check"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith(f"--- {there}\n+++ as the testbed says\n@@ ")
    changed = [line for line in shown.out.splitlines()[2:] if line[0] in "+-"]
    assert changed == [
        '-          ansible_host: "127.9.9.10"',
        '+          ansible_host: "127.9.9.99"',
    ]
    assert shown.err == (
        f"error: {there} is not as the testbed says\nhint: fogbed render inventory -o {there}\n"
    )
    assert there.read_bytes() == before


def test_check_without_a_file_looks_at_what_was_applied(pico, capsys):
    assert main(["render", "inventory", "--check"]) == 2
    assert capsys.readouterr().err == (
        "error: no inventory has been applied yet: there is nothing to compare with\n"
        "hint: fogbed up applies it\n"
    )
    folder = PiFolder("pico")
    folder.begin(inventory=rendered(capsys), spec=pico.read_text(encoding="utf-8"), origin=pico)
    assert main(["render", "inventory", "--check"]) == 0
    folder.inventory.write_text("all: {}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["render", "inventory", "--check"]) == 1
    assert capsys.readouterr().err == (
        f"error: {folder.inventory} is not as the testbed says\nhint: fogbed up applies it\n"
    )


def test_check_with_a_file_that_is_not_there(pico, capsys):
    assert pico.exists()
    assert main(["render", "inventory", "-o", "no.yml", "--check"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no file no.yml: there is nothing to compare with\n"
        "hint: without --check, no.yml is written\n"
    )
    assert main(["render", "inventory", "-o", "no/hosts.yml"]) == 2
    assert capsys.readouterr().err == (
        "error: no/hosts.yml cannot be written: No such file or directory\n"
    )


def test_only_pis_have_an_inventory(pico, capsys):
    assert pico.exists()
    assert main(["render", "inventory", "-t", "laptop"]) == 2
    assert capsys.readouterr().err == (
        "error: testbed laptop is of platform local; this is for platform pi\n"
        "hint: name another testbed with -t\n"
    )


STACK = [
    "00-namespaces.yaml",
    "01-network.yaml",
    "02-local-path.yaml",
    "03-minio.yaml",
    "04-account.yaml",
    "05-config.yaml",
    "06-jobmanager.yaml",
    "07-taskmanagers.yaml",
    "08-agents.yaml",
]


def stack(folder):
    return sorted(path.name for path in folder.iterdir())


def test_manifests_go_to_stdout_or_one_to_a_file(pico, capsys):
    assert main(["render", "manifests"]) == 0
    text = capsys.readouterr().out
    assert main(["render", "manifests", "-o", "stack"]) == 0
    folder = pico.with_name("stack")
    assert stack(folder) == STACK
    assert "---\n".join((folder / name).read_text(encoding="utf-8") for name in STACK) == text
    read = list(YAML(typ="safe").load_all(text))
    assert {each["kind"] for each in read} >= {"Namespace", "Deployment", "Service"}


def test_a_part_that_is_left_out_leaves_no_file_behind(pico, capsys):
    folder = pico.with_name("stack")
    assert main(["render", "manifests", "-o", "stack"]) == 0
    (folder / "mine.yaml").write_text("kind: ConfigMap\n", encoding="utf-8")
    argv = ["render", "manifests", "-o", "stack", "--without", "minio", "--without", "local-path"]
    assert main(argv) == 0
    assert stack(folder) == [
        name for name in [*STACK, "mine.yaml"] if "minio" not in name and "local" not in name
    ]
    assert main(["render", "manifests", "--without", "mino"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no part mino\n"
        "hint: write one of local-path, minio, flink, jobmanager, taskmanager, agent, shaper, "
        "prometheus, grafana\n"
    )


def test_a_folder_is_compared_file_by_file(pico, capsys):
    folder = pico.with_name("stack")
    assert main(["render", "manifests", "--check"]) == 2
    assert "no folder is named" in capsys.readouterr().err
    assert main(["render", "manifests", "-o", "stack", "--check"]) == 2
    assert "there is no folder stack" in capsys.readouterr().err
    assert main(["render", "manifests", "-o", "stack"]) == 0
    assert main(["render", "manifests", "-o", "stack", "--check"]) == 0
    file = folder / "07-taskmanagers.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("replicas: 1", "replicas: 0"))
    (folder / "03-minio.yaml").unlink()
    capsys.readouterr()
    assert main(["render", "manifests", "-o", "stack", "--check"]) == 1
    told = capsys.readouterr()
    assert "-  replicas: 0\n+  replicas: 1\n" in told.out
    assert told.err == (
        "error: stack is not as the testbed says: 03-minio.yaml, 07-taskmanagers.yaml\n"
        "hint: fogbed render manifests -o stack\n"
    )


@pytest.mark.usefixtures("fresh_home")
def test_manifests_are_of_clusters(tmp_path, capsys):
    laptop = tmp_path / "laptop.yml"
    head = "apiVersion: fogbed/v1\nkind: Testbed\nname: laptop\nplatform: local\n"
    laptop.write_text(f"{head}nodes: [{{name: a-1, tier: edge}}]\n", encoding="utf-8")
    assert main(["render", "manifests", "-t", str(laptop)]) == 2
    assert capsys.readouterr().err == (
        "error: testbed laptop is of platform local, which is no Kubernetes cluster\n"
        "hint: name another testbed with -t\n"
    )
