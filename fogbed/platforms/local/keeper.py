"""The keeper: one process per testbed that lives on after ``up`` and holds everything.

It is process 1 of its own PID namespace, in its own network and mount namespaces (and user
namespace, unless root started it), so that its end is the end of everything inside. It holds the
node namespaces, joins them, starts what emulates their network (``fogbed.network.joined``), keeps
the Flink processes alive and forwards a loopback port.
It is steered over a Unix socket (0600), one JSON object per line in and out::

    {"do": "status"}    {"do": "start"|"stop"|"restart", "name": "taskmanager@fog-1"}
    {"do": "replace", "process": {...}}    {"do": "share", "on": true}    {"do": "end"}
    {"do": "remember", "bare": {...}}      {"do": "recall"}

Started by ``launch``; it needs the standard library and pyroute2 only, to be there at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from fogbed.network.joined import Joined, Place, join
from fogbed.network.namespaces import create_namespace
from fogbed.network.ports import bring_loopback_up
from fogbed.plan.local_processes import (
    KEEPER_METRICS_PORT,
    PREFIX_LENGTH,
    LocalFront,
    LocalPlan,
    LocalProcess,
    plan_from_json,
    process_from,
)
from fogbed.platforms.local import peers
from fogbed.platforms.local.figures import KeeperFigures
from fogbed.platforms.local.forward import Dialler, Door, Forward
from fogbed.platforms.local.limits import NodeLimits, group_of, limit_node
from fogbed.platforms.local.supervisor import EventLog, Program, Supervised

_LONGEST_REQUEST = 16 * 2**20  # the bare network of many nodes is a long line


class Keeper:
    """Holds one testbed from its start to its end."""

    def __init__(self, plan: LocalPlan, folder: Path, fabric_socket: Path, door: Door) -> None:
        self._plan = plan
        self._folder = folder
        self._fabric_socket = fabric_socket
        self._door = door
        self._memory = os.memfd_create("emulation")  # for the next process, should one die
        self._log = EventLog(folder / "events.jsonl")
        self._namespaces: dict[str, int] = {}
        self._limits: dict[str, NodeLimits] = {}
        self._programs: dict[str, Supervised] = {}
        self._bare: dict[str, Any] | None = None  # what was measured before anything was added
        self._ended = asyncio.Event()
        self._make_nodes()
        # pyroute2 runs an event loop of its own, which cannot be inside ours: so before it
        self._joined = self._join_nodes()
        if plan.is_watched:
            bring_loopback_up()
        self._own_namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._dialler = Dialler()

    async def run(self, steering: Path, listeners: Mapping[str, socket.socket]) -> None:
        """Bring everything up, serve until told to end, take everything down.

        ``listeners``: the sockets that wait outside, by the name of what they lead to.
        """
        self._start_emulation()
        for process in self._plan.processes:
            self._add(process)
        figures = KeeperFigures(self._plan, self._programs, self._fabric_socket)
        scraped = figures.server(self._namespaces, self._dialler)
        if self._plan.is_watched:
            await scraped.serve(KEEPER_METRICS_PORT)
        for name in self._plan.first:
            self._programs[name].start()
        forwards = [(front.name, self._forward(front)) for front in self._plan.fronts]
        for name, forward in forwards:
            await forward.serve(listeners[name])
        server = await asyncio.start_unix_server(
            self._steer, sock=_bind_private(steering), limit=_LONGEST_REQUEST
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ended.set)
        await self._ended.wait()
        server.close()
        scraped.close()
        for _, forward in forwards:
            forward.close()
        self._dialler.close()
        await self._take_down()

    def _forward(self, front: LocalFront) -> Forward:
        if front.node is None:
            place, address = self._own_namespace, "127.0.0.1"
        else:
            place, address = self._namespaces[front.node], self._plan.addresses[front.node]
        return Forward(place, (address, front.port), self._door, self._dialler)

    def _make_nodes(self) -> None:
        group = group_of(self._folder)
        for position, node in enumerate(self._plan.nodes):
            self._namespaces[node.name] = create_namespace()
            self._limits[node.name] = limit_node(group, node, position)
        groups = [str(group) for limits in self._limits.values() for group in limits.groups]
        # for the command that cleans up after us, should we be killed
        (self._folder / "groups.json").write_text(json.dumps(groups), encoding="utf-8")

    def _join_nodes(self) -> Joined:
        places = [
            Place(node.name, f"{node.address}/{PREFIX_LENGTH}", self._namespaces[node.name])
            for node in self._plan.nodes
        ]
        return join(self._plan.emulator, places)

    def _start_emulation(self) -> None:
        name = self._plan.emulator
        program = Program(
            name=name,
            node=None,
            argv=self._joined.argv(self._fabric_socket, self._memory),
            output=self._folder / "logs" / f"{name}.log",
            environment=os.environ,
            pass_fds=[self._memory, *self._joined.descriptors],
        )
        self._programs[name] = Supervised(program, self._log)
        self._programs[name].start()

    def _add(self, process: LocalProcess) -> None:
        hold = None if process.node is None else self._limits[process.node].hold
        self._programs[process.name] = Supervised(self._program(process), self._log, hold)

    def _program(self, process: LocalProcess) -> Program:
        ours = {name: os.environ[name] for name in os.environ if not name.startswith(process.hides)}
        return Program(
            name=process.service,
            node=process.node,
            argv=process.argv,
            output=process.output,
            environment={**ours, **process.environment},
            namespace=None if process.node is None else self._namespaces[process.node],
        )

    async def _take_down(self) -> None:
        emulation = self._programs[self._plan.emulator]
        others = [program for program in self._programs.values() if program is not emulation]
        await asyncio.gather(*(program.stop("the testbed is taken down") for program in others))
        await emulation.stop()
        for limits in self._limits.values():
            limits.release()

    async def _steer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                try:
                    answer = await self._answer(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    answer = {"ok": False, "error": f"not understood: {error!r}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        at_once = self._answer_at_once(request)
        if at_once is not None:
            return at_once
        if request["do"] == "replace":
            process = process_from(request["process"])
            await self._programs[process.name].replace(
                self._program(process), request.get("why", ""), starts=request.get("starts", True)
            )
            return {"ok": True}
        program = self._programs.get(request.get("name", ""))
        if program is None or request["do"] not in ("start", "stop", "restart"):
            return {"ok": False, "error": f"not understood: {request}"}
        if request["do"] != "start":
            await program.stop(request.get("why", ""))
        if request["do"] != "stop":
            program.start()
        return {"ok": True}

    def _answer_at_once(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Answer what waits for no process; return None to everything else."""
        match request["do"]:
            case "status":
                return self._status()
            case "recall":
                return {"ok": True, "bare": self._bare}
            case "remember":
                self._bare = request["bare"]
            case "share":
                self._door.is_shared = request["on"]
            case "end":
                self._ended.set()
            case _:
                return None
        return {"ok": True}

    def _status(self) -> dict[str, Any]:
        return {
            "ok": True,
            "pid": int(Path("/proc/self").readlink().name),
            "join_kind": self._joined.kind,
            "shared": self._door.is_shared,
            "namespaces": self._namespaces,
            "limits": {name: limits.said for name, limits in self._limits.items()},
            "programs": {
                name: {"state": program.state, "pid": program.pid, "restarts": program.restarts}
                for name, program in self._programs.items()
            },
            "events": [asdict(event) for event in self._log.events],
        }


def _bind_private(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(mask)
    return made


def _listener(word: str) -> tuple[str, socket.socket]:
    """Return NAME and socket of ``NAME=DESCRIPTOR``; what is started here does not inherit it."""
    name, _, descriptor = word.partition("=")
    listener = socket.socket(fileno=int(descriptor))
    listener.set_inheritable(False)
    return name, listener


def _log(line: str) -> None:
    """Write a line into the keeper's log: our stdout and stderr."""
    sys.stderr.write(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {line}\n")


def main() -> None:
    """Run a keeper until it is told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steering", type=Path, required=True)
    parser.add_argument("--fabric-socket", type=Path, required=True)
    parser.add_argument("--listen", type=_listener, action="append", required=True)
    parser.add_argument("--table-fd", type=int, action="append", default=[])
    parser.add_argument("--owner", type=int, action="append", default=[])
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()
    plan = plan_from_json((options.folder / "plan.json").read_text(encoding="utf-8"))
    for descriptor in options.table_fd:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the system call's own signature
    door = Door(
        options.owner, partial(peers.user_of, options.table_fd), _log, is_shared=options.shared
    )
    keeper = Keeper(plan, options.folder, options.fabric_socket, door)
    asyncio.run(keeper.run(options.steering, dict(options.listen)))


if __name__ == "__main__":
    main()
