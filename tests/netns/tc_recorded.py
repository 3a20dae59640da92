"""``fogbed.network.tc``, with what it writes to drive delays in a file: jitter's steps, and when.

A line of JSON for each: [source, target, before, after, delay], monotonic ns and ns. The file's
name is in the environment.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from fogbed.network import tc
from fogbed.network.tc_links import backend_in

FILE = "FOGBED_TEST_STEPS"


class Recorder:
    def __init__(self, node, driver):
        self._node = node
        self._driver = driver
        self._change, driver._change = driver._change, self.write

    def write(self, changes):
        before = time.monotonic_ns()
        self._change(changes)
        after = time.monotonic_ns()
        peers = {(each.device, each.minor): peer for peer, each in self._driver.links.items()}
        lines = [
            json.dumps([self._node, peers[device, minor], before, after, leaf.delay_ns])
            for device, minor, leaf in changes
        ]
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))


def recorded(end):
    backend = backend_in(end)
    Recorder(end.node, backend._driver)
    return backend


if __name__ == "__main__":
    tc.main(make=recorded)
