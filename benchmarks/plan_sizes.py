"""What it costs to plan a network: time and memory at 10, 100 and 1,000 nodes.

``python -m benchmarks.plan_sizes NODES`` prints seconds (best of three) and peak memory in bytes:
a process of its own, so that the peak is the plan's.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.row import Row
from fogbed.plan.network import plan_network
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.testbed import Testbed

SIZES = (10, 100, 1000)
GOAL_S, GOAL_BYTES = 2.0, 300e6


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row per size, beside the smallest one; the goal is for 1,000 nodes."""
    sizes = SIZES[:2] if quick else SIZES
    smallest_s, smallest = _plan_elsewhere(sizes[0])
    for nodes in sizes:
        took_s, peak = _plan_elsewhere(nodes)
        is_bound = nodes == SIZES[-1]
        yield Row(
            figure=f"plan of {nodes:,} nodes, {nodes * (nodes - 1):,} pairs",
            value=f"{took_s * 1e3:,.1f} ms, {peak / 1e6:.0f} MB",
            goal="< 2 s, < 300 MB" if is_bound else "",
            anchor=f"{sizes[0]} nodes: {smallest_s * 1e3:.1f} ms, {smallest / 1e6:.0f} MB",
            ratio=f"{took_s / smallest_s:,.1f} x",
            ok=(took_s < GOAL_S and peak < GOAL_BYTES) if is_bound else None,
        )


def _plan_elsewhere(nodes: int) -> tuple[float, int]:
    argv = [sys.executable, "-m", "benchmarks.plan_sizes", str(nodes)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    took_s, peak = done.stdout.split()
    return float(took_s), int(peak)


def _testbed(nodes: int) -> Testbed:
    tiers = ("cloud", "fog", "edge", "edge", "edge")
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "sizes",
            "platform": "local",
            "nodes": [{"name": f"n-{i}", "tier": tiers[i % len(tiers)]} for i in range(nodes)],
        }
    )


def _profile() -> NetworkProfile:
    links = [
        {"between": ["edge", "fog"], "delay": "5ms", "jitter": "1ms", "rate": "100mbit"},
        {"between": ["fog", "cloud"], "delay": "20ms", "loss": "0.1%"},
        {"between": ["edge", "cloud"], "rtt": "60ms"},
        {"from": "n-3", "to": "cloud", "delay": "40ms"},
    ]
    return NetworkProfile.model_validate(
        {"apiVersion": "fogbed/v1", "kind": "NetworkProfile", "name": "sizes", "links": links}
    )


def main() -> None:
    """Plan for the number of nodes on the command line."""
    testbed, profile = _testbed(int(sys.argv[1])), _profile()
    taken = []
    for _ in range(3):
        started = time.monotonic()
        plan_network(profile, testbed)
        taken.append(time.monotonic() - started)
    # Linux gives the peak resident size in kilobytes (getrusage(2))
    print(min(taken), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
