"""A backend on every node of a layout, each in a process of its own, steered as agents would be."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from node_layout import host_addresses, node_address, pod_network

DRIVER = Path(__file__).with_name("backend_driver.py")


class NodeBackend:
    """One node's: every method of a driver as a method."""

    def __init__(self, channel, name, *through):
        self.process = subprocess.Popen(
            [*channel.prefix, *through, sys.executable, str(DRIVER), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do, **given):
        self.process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class NodeBackends:
    """The backends of all nodes; ``shapes`` by (from, to) numbers are what is asked of them."""

    def __init__(self, layout, name):
        self.layout = layout
        self.name = name
        self.nodes = []
        self._undo = ExitStack()

    def __enter__(self):
        for number in self.layout.numbers:
            self.nodes.append(None)
            self.start(number)
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.process.poll() is None:
                node.end()

    def start(self, number):
        self.nodes[number] = NodeBackend(self.layout.channels[f"n{number}"], self.name)

    def row(self, number, shapes, **given):
        return row_of(self.layout, number, shapes, **given)

    def apply(self, shapes, **given):
        for number, node in enumerate(self.nodes):
            node.ask("apply", row=self.row(number, shapes, **given))

    def clear(self):
        for node in self.nodes:
            node.ask("clear")

    def show(self):
        return [node.ask("show") for node in self.nodes]

    def counters(self, source, target):
        return self.nodes[source].ask("counters")[f"n{target}"]

    def steps(self, source, target):
        return self.nodes[source].ask("steps", peer=f"n{target}")


def row_of(layout, number, shapes, *, cut=(), **given):
    """Return a node's row as JSON; ``shapes`` by (from, to), ``cut``: nodes that are cut off."""

    def end(other):
        bare = layout.pods == "none"
        networks = [f"{node_address(other)}/32"] if bare else [pod_network(other)]
        hosts = [] if bare else host_addresses(other)
        return {"node": f"n{other}", "networks": networks, "hosts": hosts}

    peers = [
        {
            **end(other),
            "shape": shapes.get((number, other), {}),
            "cut": bool({number, other} & set(cut)),
        }
        for other in layout.numbers
        if other != number
    ]
    return {"testbed": "t", **end(number), "peers": peers, **given}
