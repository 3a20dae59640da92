"""``fogbed render inventory``: the same bytes on stdout and in a file; drift is exit 1."""

from __future__ import annotations

import os

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
