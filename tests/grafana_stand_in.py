"""Stands in for Grafana's server in tests: it draws nothing, and is told as the real one is.

No package brings Grafana, and none runs in these tests: what its pages look like they cannot say.
As ``grafana server`` this reads ``conf/defaults.ini`` below ``--homepath``, the file of
``--config``, then GF_ variables, and fills ``$__file{...}`` and ``${...}`` in; it reads
provisioning files (JSON, which ours are), keeps a database that remembers the first password, and
answers ``/api/health``, and with the password ``/api/search``, ``/api/datasources``,
``/api/dashboards/uid/UID`` and what its data sources answer.
"""

from __future__ import annotations

import base64
import configparser
import http.server
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import requests

VERSION = "11.6.0"
DEFAULTS = """\
[paths]
data = data
provisioning = conf/provisioning
[server]
http_addr =
http_port = 3000
[security]
admin_user = admin
admin_password = admin
[auth.anonymous]
enabled = false
org_role = Viewer
[log]
level = info
"""


def install(home: Path, *, name: str = "grafana", version: str = VERSION) -> Path:
    """Put the program and what belongs to it below ``home``, as an archive of Grafana's has it."""
    (home / "bin").mkdir(parents=True)
    (home / "conf").mkdir()
    (home / "conf" / "defaults.ini").write_text(DEFAULTS, encoding="utf-8")
    program = home / "bin" / name
    words = f"exec '{sys.executable}' '{Path(__file__).resolve()}' {version} {name}"
    program.write_text(f'#!/bin/sh\n{words} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


Settings = dict[str, dict[str, str]]


def read_settings(home: Path, config: Path) -> Settings:
    """Return the settings as Grafana has them: a file's over the defaults, a variable's over both.

    See pkg/setting/setting.go, loadConfiguration.
    """
    parser = configparser.RawConfigParser()
    for file in (home / "conf" / "defaults.ini", config):
        with file.open(encoding="utf-8") as text:
            parser.read_file(text)
    found = {section: dict(parser.items(section)) for section in parser.sections()}
    for section, keys in found.items():
        for key in keys:
            variable = re.sub("[.-]", "_", f"GF_{section}_{key}").upper()
            keys[key] = _filled(os.environ.get(variable, keys[key]))
    return found


def _filled(value: str) -> str:
    value = re.sub(r"\$\{([^}]+)\}", lambda m: os.environ.get(m[1], ""), value)
    return re.sub(
        r"\$__file\{([^}]+)\}", lambda m: Path(m[1]).read_text(encoding="utf-8").strip(), value
    )


def documents(provisioning: Path, kind: str) -> list[dict[str, Any]]:
    files = sorted((provisioning / kind).glob("*.yml"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert all(each["apiVersion"] == 1 for each in found)
    return found


def read_boards(provisioning: Path) -> list[dict[str, Any]]:
    providers = [each for d in documents(provisioning, "dashboards") for each in d["providers"]]
    return [
        {**json.loads(file.read_text(encoding="utf-8")), "folder": provider["folder"]}
        for provider in providers
        for file in sorted(Path(provider["options"]["path"]).glob("*.json"))
    ]


def first_password(data: Path, password: str) -> str:
    """Return the password that counts: of the database, which is made with the one given then."""
    database = data / "grafana.db"
    if not database.exists():
        database.write_text(password, encoding="utf-8")
    return database.read_text(encoding="utf-8")


class Answers(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/health":
            self.say(200, {"database": "ok"})
        elif not (self.server.is_open or self.headers.get("Authorization") == self.server.wanted):
            self.say(401, {"message": "Unauthorized"})
        else:
            self.say(*self.found(path))

    def found(self, path: str) -> tuple[int, Any]:
        boards, proxied = self.server.boards, "/api/datasources/proxy/uid/"
        if path == "/api/search":
            return 200, [{"uid": each["uid"], "folderTitle": each["folder"]} for each in boards]
        if path == "/api/datasources":
            return 200, self.server.sources
        if path.startswith(proxied):
            uid, _, asked = self.path.removeprefix(proxied).partition("/")
            (url,) = (each["url"] for each in self.server.sources if each["uid"] == uid)
            return 200, requests.get(f"{url}/{asked}", timeout=10).json()
        for each in boards:
            if path == f"/api/dashboards/uid/{each['uid']}":
                return 200, {"dashboard": each}
        return 404, {"message": "not in the stand-in"}

    def say(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests, as Grafana does not."""


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, settings: Settings, sources: list[Any], boards: list[Any]) -> None:
        self.sources, self.boards = sources, boards
        self.is_open = settings["auth.anonymous"]["enabled"] == "true"
        security = settings["security"]
        password = first_password(Path(settings["paths"]["data"]), security["admin_password"])
        login = f"{security['admin_user']}:{password}".encode()
        self.wanted = f"Basic {base64.b64encode(login).decode()}"
        server = settings["server"]
        super().__init__((server["http_addr"], int(server["http_port"])), Answers)


def main(version: str, name: str, *words: str) -> None:
    if "-v" in words:
        sys.stdout.write(f"Version {version} (commit: 0, branch: HEAD)\n")
        return
    commands = [word for word in words if not word.startswith("-")]
    assert commands == (["server"] if name == "grafana" else []), commands
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    settings = read_settings(Path(options["homepath"]), Path(options["config"]))
    provisioning = Path(settings["paths"]["provisioning"])
    sources = [s for d in documents(provisioning, "datasources") for s in d["datasources"]]
    with Server(settings, sources, read_boards(provisioning)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
