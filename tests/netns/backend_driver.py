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
from dataclasses import asdict

from fogbed.network.agent import untracked
from fogbed.network.agent.backend import Row
from fogbed.network.agent.backend_table import table


def forget_nf_tables():
    """Have the kernel refuse nf_tables, as one does that has none."""

    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    untracked.Untracking = refuse


class Driver:
    def __init__(self, name):
        name, _, without = name.partition("-without-")
        if without:
            forget_nf_tables()
        self.kind = table()[name]
        self.backend = self.kind()
        self.lock = threading.Lock()

    def step(self):
        with self.lock:
            return self.backend.step()

    def apply(self, row):
        self.backend.apply(Row.from_json(row))

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
