"""Asked and measured: the node fabric's delays, idle and under load, and what packets cost.

``node_fabric_bars.py [PODS BETWEEN]`` prints a table. Figures of a busy computer are its own: run
it on a quiet one, as root in namespaces of its own: ``unshare --net --mount --pid --fork
--kill-child --mount-proc``.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import numpy as np
from emulated import PAIRS, OnNodes

DELAYS_MS = (0, 1, 5, 20, 50, 100, 300)
RATES = (1_000_000, 10_000_000, 100_000_000)
LOAD = {"rate_bps": 5_000_000, "size": 1200}
ROW = "{:>9} {:>5} {:>9} {:>9} {:>9} {:>9} {:>7}"


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def delays(net):
    """Print RTTs between pods a and b, with equal delays both ways; loaded, 5 mbit both ways."""
    a, b = net.addresses["a"], net.addresses["b"]
    net.clear()
    native = net.sessions["a"].ping([b], count=100, interval_s=0.01, wait_s=2.0)[b].answered()
    bare = float(np.median(native.rtts_ms))
    say(f"bare RTT without the node fabric: min {native.rtts_ms.min():.3f}, p50 {bare:.3f} ms")
    say(ROW.format("asked ms", "load", "min ms", "p50 ms", "p99 ms", "p50 err", "within"))
    for delay in DELAYS_MS:
        net.apply({pair: {"delay_ms": delay} for pair in PAIRS})
        for loaded in (False, True):
            threads = [] if not loaded else _loads(net, a, b)
            time.sleep(0.2 if loaded else 0)
            came = net.sessions["a"].ping([b], count=200, interval_s=0.01, wait_s=2.0)[b]
            for thread in threads:
                thread.join()
            rtts = came.answered().rtts_ms
            low, middle, high = np.quantile(rtts, [0, 0.5, 0.99])
            expected = 2 * delay + bare
            error = middle - expected
            within = abs(error) <= max(0.03 * expected, 1.0)
            figures = (f"{each:.2f}" for each in (low, middle, high, error))
            say(ROW.format(2 * delay, "yes" if loaded else "no", *figures, str(within)))


def _loads(net, a, b):
    flows = (("a", "b", b), ("b", "a", a))
    threads = []
    for source, target, address in flows:
        flow = net.sessions[target].listen("udp", address, seconds=30)
        threads.append(
            threading.Thread(
                target=net.sessions[source].send,
                args=("udp", (address, flow)),
                kwargs={"seconds": 3.0, **LOAD},
            )
        )
    for thread in threads:
        thread.start()
    return threads


def rates(net):
    """Print what a flood reaches through rates."""
    for rate in RATES:
        net.apply({("a", "b"): {"rate_bps": rate, "delay_ms": 5}})
        time.sleep(1.0)  # what an earlier delay still holds would hold back what comes after it
        address = net.addresses["b"]
        flow = net.sessions["b"].listen("udp", address, seconds=60)
        net.sessions["a"].send("udp", (address, flow), seconds=3.0, rate_bps=1.3 * rate, size=1200)
        received = net.sessions["b"].collect(flow, quiet_s=1.0)
        seconds = received.rates_bps(1.0) / 1e6
        say(
            f"rate {rate / 1e6:g} mbit asked: over 1 s windows p50 {np.median(seconds):.3f},"
            f" most {seconds.max():.3f} mbit"
        )


def costs(net):
    """Print the throughput of one stream, and the processor time of packets, open and delayed."""
    for shape in ({}, {"delay_ms": 1}):
        net.apply({("a", "b"): shape, ("b", "a"): shape})
        octets, packets, cpu_s = _flow(net, "tcp", seconds=3.0)
        say(
            f"one TCP stream, {shape or 'nothing asked'}: {octets * 8 / 3e6:.0f} mbit/s,"
            f" {1e6 * cpu_s / packets:.1f} us of processor time per packet on the sender's node"
        )
        octets, packets, cpu_s = _flow(net, "udp", seconds=3.0, rate_bps=10_000 * 8 * 200, size=200)
        say(
            f"10,000 packets/s of UDP, {shape or 'nothing asked'}: {packets} carried,"
            f" {100 * cpu_s / packets * 10_000:.0f} % of one processor"
        )
    say(f"cost of node a: {net.backends.nodes[0].ask('cost')}")


def many(net):
    """Print how long a row of 999 peers takes to install, to change in place, and to clear."""
    node, row = net.backends.nodes[0], net.backends.row(0, {})
    net.clear()
    net.layout.run("n0", "ip route add default via 192.168.77.11")
    for number in range(997):
        network = f"10.{100 + number // 256}.{number % 256}"
        hosts = [f"{network}.0", f"{network}.1"]
        row["peers"].append({"node": f"m{number}", "networks": [f"{network}.0/24"], "hosts": hosts})
    for what, delay in (("install", 5), ("change", 6)):
        row["peers"][0]["shape"] = {"delay_ms": delay}
        began = time.monotonic()
        node.ask("apply", row=row)
        say(f"999 peers, 1996 addresses of their own: {what} {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    node.ask("clear")
    say(f"999 peers: clear {time.monotonic() - began:.2f} s")


def _flow(net, protocol, **given):
    address, node = net.addresses["b"], net.backends.nodes[0]
    flow = net.sessions["b"].listen(protocol, address, seconds=30)
    before, cpu_s = net.counters("a", "b")["packets"], node.ask("cost")["cpu_s"]
    net.sessions["a"].send(protocol, (address, flow), **given)
    received = net.sessions["b"].collect(flow, quiet_s=0.5)
    packets = net.counters("a", "b")["packets"] - before
    return received.octets, packets, node.ask("cost")["cpu_s"] - cpu_s


def main(pods="bridge", between="vxlan"):
    say(f"node fabric, pods behind {pods}, nodes joined by {between}; {time.ctime()}")
    say(f"load of this computer (1, 5, 15 min): {os.getloadavg()}, {os.cpu_count()} processors")
    with OnNodes("fabric", pods, between) as net:
        delays(net)
        rates(net)
        costs(net)
        many(net)


if __name__ == "__main__":
    main(*sys.argv[1:])
