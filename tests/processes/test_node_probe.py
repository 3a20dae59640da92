"""The probe as a node runs it: a Python of its own that reads the text on stdin."""

from __future__ import annotations

import http.server
import json
import os
import platform
import subprocess
import sys
import threading

import pytest

from fogbed.platforms.pi.doctor.survey import probe_text


@pytest.fixture
def mirror():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            codes = {"/Release": 200, "/v2/": 401}
            self.send_response(codes.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_words):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_this_computer_as_a_node(mirror):
    sources = {
        "apt": f"{mirror}/Release",
        "registry": f"{mirror}/v2/",
        "gone": f"{mirror}/{{os}}/Release",
        "refused": "http://127.0.0.1:9/",
        "key": "/etc/os-release",
        "no key": "/nowhere.asc",
    }
    argv = [sys.executable, "-"]
    text = probe_text("127.0.0.1", sources)
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True, timeout=60)
    facts = json.loads(done.stdout)
    assert facts["machine"] == platform.machine()
    assert facts["memory"] > 2**28
    assert facts["network"]["interface"] == "lo"
    assert facts["disk"]["free"] <= facts["disk"]["total"]
    assert facts["disk"]["write_p50_ms"] <= facts["disk"]["write_p99_ms"]
    assert facts["cgroup"]["version"] in (1, 2)
    assert facts["cni"] == sorted(facts["cni"])
    assert facts["apt_problem"] is None
    assert "127.0.0.1" in facts["addresses"]
    assert 1 <= facts["cpus"] <= os.cpu_count()
    assert facts["python"] == platform.python_version()
    assert {"is_root", "code", "heard", "groups"} == set(facts["sudo"])
    assert {each["name"]: each["problem"] for each in facts["sources"]} == {
        "apt": "",
        "registry": "",
        "gone": "answers 404 Not Found",
        "refused": "Connection refused",
        "key": "",
        "no key": "there is no such file",
    }
