"""Stands for systemd-run where there is no systemd: one unit, until it ends, then ExecStopPost.

Refuses a unit that is there already, and one whose program ends before it says that it is ready, in
systemd's words. /run/refused has it refuse all; /run/patient has it wait first until a unit of that
name has ended.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 30
ENDED = b"ENDED"


def main() -> None:
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    program = sys.argv[1 + len(options) :]
    if Path("/run/refused").exists():
        raise SystemExit("Failed to connect to bus: No such file or directory")
    settings = dict(word.removeprefix("--property=").split("=", 1) for word in options[2:])
    unit = Path("/run") / settings["--unit"]
    deadline = time.monotonic() + PATIENCE_S
    while Path("/run/patient").exists() and unit.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        unit.mkdir()
    except FileExistsError:
        raise SystemExit(f"Unit {unit.name}.service was already loaded.") from None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(unit / "notify"))
        if os.fork():
            while b"READY=1" not in (told := notified.recv(4096)):
                if told == ENDED:
                    raise SystemExit(f"Job for {unit.name}.service failed.")
            return
        os.setsid()
        run_unit(unit, program, shlex.split(settings["ExecStopPost"]), notified)
    os._exit(0)


def run_unit(unit: Path, program: list[str], after: list[str], notified: socket.socket) -> None:
    nothing = subprocess.DEVNULL
    environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": str(unit / "notify")}
    streams = {"stdin": nothing, "stdout": nothing, "stderr": nothing}
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    main_process = subprocess.Popen(program, env=environment, start_new_session=True, **streams)
    code = main_process.wait()
    # whoever started it may still wait for its word; else what nobody reads fills the queue
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(ENDED, socket.MSG_DONTWAIT, str(unit / "notify"))
    notified.close()
    result = "success" if code == 0 else "signal" if code < 0 else "exit-code"
    subprocess.run(after, env={**environment, "SERVICE_RESULT": result}, check=False, **streams)
    (unit / "notify").unlink()
    unit.rmdir()


main()
