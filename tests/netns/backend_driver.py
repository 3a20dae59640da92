"""One node's backend in a process of its own: a JSON request per line in, an answer per line out.

``python backend_driver.py BACKEND`` in the node's namespace, as the agent's resident would be.
``fabric-without-nft`` is the node fabric on a kernel that knows no nf_tables.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from dataclasses import asdict

from fogbed.network.agent import untracked
from fogbed.network.agent.backend import Row
from fogbed.network.agent.backend_table import table
from fogbed.network.agent.tc_jitter import JitterDriver


def forget_nf_tables():
    """Have the kernel refuse nf_tables, as one does that has none."""

    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    untracked.Untracking = refuse


class Written:
    """What is written to drive a delay by the law: (before, after, delay), monotonic ns, by class.

    Of a backend that drives none there is nothing.
    """

    def __init__(self, backend):
        self._backend = backend
        self._steps = {}
        driver = getattr(backend, "_driver", None)
        if isinstance(driver, JitterDriver):
            self._change, driver._change = driver._change, self._write

    def forget(self):
        self._steps = {}

    def of(self, peer):
        driver = getattr(self._backend, "_driver", None)
        link = driver.links.get(peer) if isinstance(driver, JitterDriver) else None
        if link is None:
            return []
        # what a link was installed with is in force until the first step
        installed = (0, 0, link.leaf.delay_ns)
        return [installed, *self._steps.get((link.device, link.minor), ())]

    def _write(self, changes):
        before = time.monotonic_ns()
        self._change(changes)
        after = time.monotonic_ns()
        for device, minor, leaf in changes:
            step = (before, after, leaf.delay_ns)
            self._steps.setdefault((device, minor), []).append(step)


class Driver:
    def __init__(self, name):
        name, _, without = name.partition("-without-")
        if without:
            forget_nf_tables()
        self.kind = table()[name]
        self.backend = self.kind()
        self.written = Written(self.backend)
        self.lock = threading.Lock()

    def step(self):
        with self.lock:
            return self.backend.step()

    def apply(self, row):
        self.written.forget()
        self.backend.apply(Row.from_json(row))

    def steps(self, peer):
        return self.written.of(peer)

    def show(self):
        return {peer: shape.to_json() for peer, shape in self.backend.show().items()}

    def severed(self):
        return sorted(self.backend.severed())

    def counters(self):
        return {peer: asdict(each) for peer, each in self.backend.counters().items()}

    def cost(self):
        cost = self.backend.cost()
        return None if cost is None else asdict(cost)

    def clear(self):
        self.backend.clear()

    def step_now(self):
        self.backend.step()

    def possible(self):
        return self.kind.possible()


def keep_stepping(driver, ended):
    wait_s = 0.0
    while not ended.wait(wait_s):
        try:
            due = driver.step()
        except Exception:  # noqa: BLE001 - whoever asks for `step_now` is told
            return
        wait_s = 0.05 if due is None else min(due, 0.05)


def main(name):
    driver, ended = Driver(name), threading.Event()
    stepping = threading.Thread(target=keep_stepping, args=(driver, ended), daemon=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with driver.lock:
                answer = {"ok": getattr(driver, request.pop("do"))(**request)}
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if stepping.ident is None and "error" not in answer:
            stepping.start()
    ended.set()


if __name__ == "__main__":
    main(sys.argv[1])
