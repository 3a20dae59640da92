from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from fogbed import platforms
from fogbed.cli import job_options, main
from fogbed.clients.flink import FlinkClient
from fogbed.errors import UsageError
from fogbed.platforms.base import Endpoints
from fogbed.stream_job.flink import resume, submit
from fogbed.stream_job.shared_folders import SharedFolders

REST = Path(__file__).parents[1] / "cases" / "flink_rest"
spec = importlib.util.spec_from_file_location("flink_tape", REST / "tape.py")
tape = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tape)


@pytest.fixture
def jobmanager() -> Iterator[str]:
    """The URL of a server that answers from the tape of a pinned job."""
    player = tape.Player(REST / "default.json")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = player.send(
                requests.Request(self.command, f"http://tape{self.path}").prepare()
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def said(capsys) -> tuple[str, str]:
    heard = capsys.readouterr()
    return heard.out, heard.err


def test_list_shows_every_job(jobmanager, capsys):
    assert main(["job", "list", "--url", jobmanager]) == 0
    out, _ = said(capsys)
    assert "nearest-landmark" in out
    assert "RUNNING" in out
    assert main(["job", "list", "--url", jobmanager, "--json"]) == 0
    assert json.loads(said(capsys)[0])[0]["name"] == "nearest-landmark"


def test_status_shows_operator_subtask_and_node(jobmanager, capsys):
    assert main(["job", "status", "--url", jobmanager]) == 0
    out, _ = said(capsys)
    rows = [line.split("│")[1:4] for line in out.splitlines() if line.startswith("│")]
    places = [[cell.strip() for cell in row] for row in rows]
    assert places == [
        ["rides", "1 of 1", "edge-1"],
        ["parse", "1 of 1", "edge-1"],
        ["nearest", "1 of 1", "fog-1"],
        ["results", "1 of 1", "fog-1"],
    ]


def test_a_dry_run_says_which_way_a_rescale_would_go(jobmanager, capsys):
    argv = ["job", "rescale", "nearest", "2", "--url", jobmanager, "--dry-run", "--json"]
    argv += ["--savepoint-dir", "file:///savepoints"]
    assert main(argv) == 0
    plan = json.loads(said(capsys)[0])
    assert plan["way"] == "savepoint"
    assert plan["parallelism"] == {"rides": 1, "parse": 1, "nearest": 2, "results": 1}


def test_rescaling_to_what_is_already_there_is_refused(jobmanager, capsys):
    argv = ["job", "rescale", "nearest", "1", "--url", jobmanager, "--dry-run"]
    assert main(argv) == 2
    assert said(capsys)[1] == "error: nearest has parallelism 1 already\n"


def test_without_a_folder_for_savepoints_stop_says_how_to_give_one(jobmanager, capsys):
    assert main(["job", "stop", "--url", jobmanager]) == 2
    assert said(capsys)[1] == (
        f"error: the JobManager at {jobmanager} has no folder for savepoints\n"
        "hint: give --savepoint-dir file:///PATH, a folder that it can reach\n"
    )


def test_resuming_says_what_would_run_and_starts_nothing(jobmanager, capsys, tmp_path):
    flink = FlinkClient(jobmanager)
    running = submit.recover(flink, flink.jobs()[0].id)
    uri = f"file://{tmp_path}"
    assert resume.leave_request(SharedFolders(), uri, running.request) == ""
    argv = ["job", "resume", uri, "--url", jobmanager, "--dry-run", "--json", "-p", "nearest=2"]
    assert main(argv) == 0
    plan = json.loads(said(capsys)[0])
    assert plan["savepoint"] == uri
    words = plan["arguments"]
    assert words[words.index("--parallelism.nearest") + 1] == "2"
    assert words[words.index("--parallelism.rides") + 1] == "1"


def test_resuming_from_a_savepoint_of_others_is_refused(jobmanager, capsys, tmp_path):
    assert main(["job", "resume", f"file://{tmp_path}", "--url", jobmanager]) == 2
    assert said(capsys)[1].startswith(
        f"error: nothing at file://{tmp_path} says what its job was started with\n"
    )


def test_an_unknown_job_is_answered_with_the_running_ones(jobmanager, capsys):
    assert main(["job", "status", "ffff", "--url", jobmanager]) == 2
    _, err = said(capsys)
    assert err.startswith(f"error: 'ffff' names 0 running jobs at {jobmanager}\n")
    assert "(nearest-landmark)" in err


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (
            ["--rate", "5000"],
            "error: --rate 5000:",
        ),
        (
            ["--rate", "10/s", "--unlimited"],
            "error: --rate and --unlimited exclude each other\nhint: give one of them\n",
        ),
        (["--steps", "10s:5/s,0s:1/s"], "error: --steps 10s:5/s,0s:1/s: the times of the steps"),
        (["--steps", "5s:1/s"], "error: --steps 5s:1/s: the times of the steps must rise, from"),
        (["--steps", "0s:2/s,0s:3/s"], "error: --steps 0s:2/s,0s:3/s: the times of the steps"),
        (["--rate", "0/s"], "error: --rate 0/s: it replays nothing; write 1/s or more\n"),
        (["--speedup", "0"], "error: --speedup 0 must be above 0\n"),
        (["--speedup", "nan"], "error: --speedup nan must be above 0\n"),
        (
            ["-p", "neerest=2"],
            (
                "error: --parallelism neerest=2: write it as OPERATOR=VALUE\n"
                "hint: operators: rides, parse, nearest, results\n"
            ),
        ),
        (["-p", "nearest=0"], "error: --parallelism nearest=0: '0' is not a number of subtasks\n"),
        (
            ["--place", "nearest=fog"],
            (
                "error: --place nearest=fog: 'fog' is not a place\n"
                "hint: write tier:cloud, tier:fog, tier:edge, node:NAME or label:KEY:VALUE\n"
            ),
        ),
        (["--sink", "files"], "error: --sink files needs --output DIR\n"),
        (["--output", "x"], "error: --output is for --sink files, not for --sink discard\n"),
        (
            ["--chaining", "-p", "nearest=2"],
            "error: this job cannot be: chained operators (parse, nearest, results) need the",
        ),
        (["-t", "x"], "error: --url and --testbed name two JobManagers\nhint: give one of them\n"),
    ],
)
def test_every_option_that_is_wrong_is_refused_before_anything_is_asked(argv, error, capsys):
    assert main(["job", "submit", "--url", "http://127.0.0.1:9", *argv]) == 2
    assert said(capsys)[1].startswith(error)


def test_a_dry_run_shows_the_uris_that_the_job_would_read_and_write(jobmanager, capsys, tmp_path):
    output = tmp_path / "work dir %20"
    argv = ["job", "submit", "--url", jobmanager, "--dry-run", "--json", "--sink", "files"]
    assert main([*argv, "--output", str(output)]) == 0
    words = json.loads(said(capsys)[0])["arguments"]
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert given["--output"] == f"file://{output}"
    assert not output.exists()
    for key, name in (("rides", "rides.csv"), ("index", "rides.index")):
        uri = given[f"--{key}"]
        assert uri.startswith("file:///")
        assert uri.endswith(f"/{name}")
    assert given["--landmarks"].endswith("/nyc-famous.csv")


def test_a_place_that_is_not_there_is_refused_with_those_that_are(jobmanager, capsys):
    argv = ["job", "submit", "--url", jobmanager, "--place", "nearest=node:fog-9"]
    assert main([*argv, "--place", "results=label:zone:moon"]) == 2
    assert said(capsys)[1] == (
        "error: the job asks for places that are not there\n"
        "nearest is to run on node fog-9, and no TaskManager is there\n"
        "results is to run on label zone=moon, and no TaskManager is there\n"
        "hint: there are: node edge-1, node fog-1, tier edge, tier fog\n"
    )


def test_what_is_no_url_is_not_tried(capsys):
    assert main(["job", "list", "--url", "localhost:8081"]) == 2
    assert said(capsys)[1] == (
        "error: 'localhost:8081' is not a URL\nhint: write it as http://HOST:PORT\n"
    )


def test_a_jobmanager_that_is_not_there_is_a_failure_with_a_way_out(capsys):
    assert main(["job", "list", "--url", "http://127.0.0.1:9"]) == 1
    _, err = said(capsys)
    assert err.startswith("error: GET http://127.0.0.1:9/jobs/overview: no answer\n")
    assert err.endswith("hint: is the testbed up? `fogbed status` shows it; else check the URL\n")


@pytest.mark.parametrize(
    "verb", ["build", "submit", "list", "status", "rescale", "savepoint", "stop"]
)
def test_every_verb_shows_an_example(verb, capsys):
    assert main(["job", verb, "--help"]) == 0
    assert f"Example: fogbed job {verb}" in said(capsys)[0]


class Objects:
    """A storage that shares no folder."""

    shares_folders = False

    def output_uri(self, run: Path) -> str:
        return f"s3a://fogbed/output/{run.name}/rides"


def test_answers_of_a_job_on_a_cluster_have_a_folder_of_their_own_in_the_store():
    made = job_options.output_uri(None, "files", Objects())
    assert made is not None
    assert made.startswith("s3a://fogbed/output/")
    given = "s3a://mine/answers"
    assert job_options.output_uri(given, "files", Objects()) == given
    assert job_options.output_uri(None, "discard", Objects()) is None


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("answers", "is a folder of this computer, which the job's processes do not see"),
        ("s3p://mine/answers", "only the file system s3a commits a file exactly once"),
    ],
)
def test_where_a_cluster_cannot_write_answers_is_refused(output, message):
    with pytest.raises(UsageError, match=message) as caught:
        job_options.output_uri(output, "files", Objects())
    assert "s3a://" in (caught.value.hint or "")


def test_a_forward_that_leads_to_no_pod_says_why(fresh_home, monkeypatch, capsys):
    class Restarting:
        def endpoints(self):
            return Endpoints(flink="http://127.0.0.1:9")

        def storage(self):
            return SharedFolders()

        def obstacle(self):
            return "service jobmanager, port 8081: no pod of service jobmanager is Ready"

    monkeypatch.chdir(fresh_home)
    (fresh_home / "testbed.yml").write_text(
        "apiVersion: fogbed/v1\nkind: Testbed\nname: shown\nplatform: kubernetes\n"
        "nodes: [{name: a, tier: cloud}]\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(platforms, "open_platform", lambda _: Restarting(), raising=False)
    assert main(["job", "list"]) == 1
    assert "no pod of service jobmanager is Ready" in said(capsys)[1]
