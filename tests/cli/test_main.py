"""How the command line answers: exact texts and exit codes, through ``fogbed.cli.main``."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from fogbed import __version__, cli
from fogbed.cli import console, pi
from fogbed.clients.progress import Progress
from fogbed.errors import (
    AssertionsFailed,
    CommandError,
    DatasetError,
    ExperimentError,
    FogbedError,
    Interrupted,
    JobError,
    NetworkError,
    PlatformError,
    Problem,
    ServiceError,
    SpecError,
    UsageError,
)

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Make ``fogbed probe`` a command that does what the test says."""

    def install(body: Callable[[], None]) -> None:
        def probe() -> None:
            """Stand where a command stands."""
            body()

        monkeypatch.setitem(cli.COMMANDS, "probe", ("probe", "A command of this test."))
        module = types.ModuleType("fogbed.cli.probe")
        module.probe = probe
        monkeypatch.setitem(sys.modules, "fogbed.cli.probe", module)

    return install


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_an_error_says_what_where_details_and_the_way_out(probe, capsys):
    probe(
        raising(
            ServiceError(
                "GET http://127.0.0.1:8082/jobs answered 503",
                details="the JobManager is starting",
                hint="wait a moment, then try again",
            )
        )
    )
    assert cli.main(["probe"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "error: GET http://127.0.0.1:8082/jobs answered 503\n"
        "the JobManager is starting\n"
        "hint: wait a moment, then try again\n"
    )


def test_every_problem_of_a_file_is_shown_as_the_user_wrote_it(probe, capsys):
    # A line number between colons is an emoji to rich, a range in brackets is markup to it.
    wrong = [
        Problem("testbed.yml", 100, "nodes[2].name", "pico-[2:9] is taken", "choose another"),
        Problem("testbed.yml", 3, "", "not YAML"),
    ]
    probe(raising(SpecError(wrong)))
    assert cli.main(["probe"]) == 2
    assert capsys.readouterr().err == (
        "error: 2 problems in testbed.yml\n"
        "testbed.yml:3: not YAML\n"
        "testbed.yml:100: nodes[2].name: pico-[2:9] is taken; choose another\n"
    )


def test_a_long_error_is_not_broken_into_lines(probe, capsys):
    sentence = "word " * 60 + "end"
    probe(raising(FogbedError(sentence)))
    cli.main(["probe"])
    assert capsys.readouterr().err == f"error: {sentence}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FogbedError("x"), 1),
        (SpecError([Problem("f", 1, "", "x")]), 2),
        (UsageError("x"), 2),
        (CommandError("x"), 1),
        (ServiceError("x"), 1),
        (PlatformError("x"), 1),
        (NetworkError("x"), 1),
        (JobError("x"), 1),
        (DatasetError("x"), 1),
        (ExperimentError("x"), 1),
        (AssertionsFailed("x"), 3),
        (Interrupted("x"), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, FogbedError) else str(value),
)
def test_exit_codes(probe, error, code):
    probe(raising(error))
    assert cli.main(["probe"]) == code


def test_a_place_that_is_not_ours_is_wrong_input_and_no_bug(probe, capsys):
    probe(raising(PermissionError(errno.EACCES, "Permission denied", "/root/report.png")))
    assert cli.main(["probe"]) == 2
    assert capsys.readouterr().err == (
        "error: /root/report.png: Permission denied\n"
        "hint: see whose it is and what its rights are (ls -ld), or name another place\n"
    )


def test_a_command_that_ends_well_returns_0(probe, capsys):
    probe(lambda: console.say("[bold] :100: done"))
    assert cli.main(["probe"]) == 0
    assert capsys.readouterr() == ("[bold] :100: done\n", "")


def test_ctrl_c_ends_with_130(probe, capsys):
    probe(raising(KeyboardInterrupt()))
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_full_disk_is_no_bug(probe, capsys):
    probe(raising(OSError(errno.ENOSPC, "No space left on device", "/data/rides.csv")))
    assert cli.main(["probe"]) == 1
    assert capsys.readouterr().err == (
        "error: /data/rides.csv cannot be written: No space left on device\n"
        "hint: make room there, then give the command again\n"
    )


def test_a_full_disk_is_said_where_the_system_does_not_name_the_file(probe, capsys):
    probe(raising(OSError(errno.ENOSPC, "No space left on device")))
    assert cli.main(["probe"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: a file, or the output, cannot be written: No space left on device\n"
    )


def test_a_bug_keeps_its_traceback(probe):
    probe(raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (
            ["chek"],
            (
                "error: No such command 'chek'. Did you mean 'check'?\n"
                "hint: fogbed --help says what it takes\n"
            ),
        ),
        (
            ["--quiet"],
            "error: No such option: --quiet\nhint: fogbed --help says what it takes\n",
        ),
        (
            ["probe", "--rate"],
            "error: No such option: --rate\nhint: fogbed probe --help says what it takes\n",
        ),
        (
            ["logs"],
            "error: Missing argument 'node'.\nhint: fogbed logs --help says what it takes\n",
        ),
        (
            ["rides", "import", "trips.csv"],
            (
                "error: Missing option '--name'.\n"
                "hint: fogbed rides import --help says what it takes\n"
            ),
        ),
    ],
)
def test_a_misused_command_line_is_shown_like_any_error(probe, argv, shown, capsys):
    probe(lambda: None)
    assert cli.main(argv) == 2
    assert capsys.readouterr().err == shown


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"fogbed {__version__}\n"


@pytest.mark.parametrize(("argv", "code"), [(["--help"], 0), ([], 2)])
def test_help_names_every_command(argv, code, capsys):
    assert cli.main(argv) == code
    shown = capsys.readouterr().out
    for command, (_, summary) in cli.COMMANDS.items():
        assert command in shown
        assert summary in shown


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_is_about_fogbed_and_spelled_as_users_write_it(command, capsys):
    verbs = sorted(getattr(cli._load(command), "commands", {}))
    for words in [[command], *([command, verb] for verb in verbs)]:
        assert cli.main([*words, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "--install-completion" not in shown, words
        # rich draws ":key:" in a help text as a picture of a key
        assert not re.search("[\u2600-\u27bf\U0001f000-\U0001ffff]", shown), words


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_verb_has_help_with_an_example(command, capsys):
    verbs = sorted(getattr(cli._load(command), "commands", {}))
    for words in [[command, verb] for verb in verbs] or [[command]]:
        assert cli.main([*words, "--help"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert f"Example: fogbed {' '.join(words)}" in shown, words


def test_a_table_is_whole_where_there_is_no_terminal(capsys):
    console.say_table(["node", "note"], [["edge-1", "x" * 300], ["pico-[2:9]", ":100:"]])
    shown = capsys.readouterr().out
    assert "x" * 300 in shown
    assert "pico-[2:9]" in shown
    assert ":100:" in shown


@pytest.mark.parametrize("words", [["metrics", "list"], ["metrics", "list", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_failure(words, fresh_home):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "fogbed", *words]
    ended = subprocess.run(
        command, stdout=writes, stderr=subprocess.PIPE, cwd=fresh_home, check=False
    )
    os.close(writes)
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr


def test_json_is_for_programs(capsys):
    console.say_json({"text": "[bold] :100: " + "x" * 200})
    assert capsys.readouterr().out == '{\n  "text": "[bold] :100: ' + "x" * 200 + '"\n}\n'


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    progress: Progress = console.LiveProgress()
    with progress.step("starting Flink", total=3) as step:
        step.advance(1, "JobManager")
        with progress.step("waiting for slots"):
            progress.note("edge-1 has registered")
    assert capsys.readouterr() == (
        "",
        "starting Flink\nwaiting for slots\nedge-1 has registered\n",
    )


def test_verbose_shows_the_log(probe, capsys):
    probe(lambda: logging.getLogger("fogbed.probe").debug("GET [jobs] :100:"))
    assert cli.main(["--verbose", "probe"]) == 0
    assert "fogbed.probe: GET [jobs] :100:" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("localedef") is None, reason="no localedef to make a locale with")
def test_in_a_locale_of_another_encoding_paths_are_still_the_bytes_that_libraries_read(tmp_path):
    made = tmp_path / "fr_FR.ISO-8859-1"
    argv = ["localedef", "-i", "fr_FR", "-f", "ISO-8859-1", str(made)]
    if subprocess.run(argv, check=False, capture_output=True).returncode != 0:
        pytest.skip("the sources of locales are not installed")
    program = (
        "import os, sys; from fogbed import cli;"
        "cli.app = lambda **_: print(sys.getfilesystemencoding(), os.path.exists('jos\\u00e9'));"
        "sys.exit(cli.main())"
    )
    (tmp_path / "jos\u00e9").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": made.name, "LOCPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("utf-8 True\n", "")


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 200])
def test_a_table_can_be_read_at_any_width(width, capsys, monkeypatch):
    narrow = Console(width=width, force_terminal=True, color_system=None, **console._AS_WRITTEN)
    monkeypatch.setattr(console, "_out", narrow)
    columns = ["name", "rides", "first pickup", "last pickup", "kind"]
    console.say_table(columns, [["nyc-sample", "7,073", "2013-08-01", "2013-08-31", "points"]])
    shown = capsys.readouterr().out
    for word in ("nyc-sample", "7,073", "2013-08-01", "2013-08-31", "points"):
        assert word in shown


@pytest.mark.parametrize("noun", [[], *([name] for name in cli.COMMANDS)], ids=str)
def test_a_flag_is_shown_as_a_flag(noun, capsys):
    assert cli.main([*noun, "--help"]) == 0
    assert "<bool>" not in capsys.readouterr().out


def test_the_flags_of_a_verb_are_shown_as_flags(capsys):
    assert cli.main(["rides", "import", "--help"]) == 0
    assert "<bool>" not in (shown := capsys.readouterr().out)
    assert "<str>" in shown


def test_no_is_an_answer_not_an_interruption(probe, capsys, monkeypatch):
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    probe(lambda: pi.confirm("Remove it?", yes=False))
    assert cli.main(["probe"]) == 1
    err = capsys.readouterr().err
    assert "nothing was changed" in err
    assert "interrupted" not in err
