"""In a guest: what the backend tc does to real packets. One bar per call, JSON on stdout.

``here BAR``: between two namespaces, which it makes and removes. ``to ADDRESS OWN BAR``: to another
guest, from the guest itself.
"""

from __future__ import annotations

import json
import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from guest_flows import NUMBER, PORT, Pinging, ping, send

from fogbed.network.agent.backend import BackendError, Peer, Row
from fogbed.network.agent.tc_backend import TcBackend
from fogbed.network.jitter import Jitter, path_key
from fogbed.network.link import Shape

LADDER_MS = (1, 5, 20, 50, 100, 200, 300)
MOST_PINGS = 600
RATES_MBIT = {1: 1, 10: 8, 100: 40}
"""... and how many packets go into the kernel at once: an emulated processor is slow."""
HERE = Path(__file__)
NEAR, FAR = "10.244.1.5", "10.244.2.5"
SETUP = """
ip netns add near; ip netns add far
ip link add near0 netns near type veth peer name far0 netns far
ip -n near addr add 10.0.0.1/24 dev near0; ip -n far addr add 10.0.0.2/24 dev far0
for n in near far; do ip -n $n link set lo up; ip -n $n link set ${n}0 up; done
ip -n near addr add 10.244.1.5/32 dev lo; ip -n far addr add 10.244.2.5/32 dev lo
ip -n near route add 10.240.0.0/12 via 10.0.0.2; ip -n far route add 10.244.1.0/24 via 10.0.0.1
"""


class Bars:
    """The backend between here and one far end, which is reached by ``target``."""

    def __init__(self, own, network, target, source, receiver):
        self.own, self.network, self.target, self.source = own, network, target, source
        self._receiver = receiver
        self.backend = TcBackend()

    def row(self, *, cut=False, seed=7, origin_ns=0, peers=(), **shape):
        far = Peer("far", (self.network,), (), Shape(**shape), cut)
        return Row("bars", "near", (self.own,), (), (far, *peers), seed, origin_ns)

    def ask(self, **shape):
        self.backend.apply(self.row(**shape))

    def ping(self, count, gap_s):
        return ping(self.target, count=count, gap_s=gap_s, source=self.source)

    def bare_ms(self):
        self.ask()
        return min(rtt for _, rtt in self.ping(100, 0.02)[0])

    def send(self, **how):
        return send(self.target, source=self.source, **how)

    def receiving(self, most_s=60):
        """Start a receiver at the far end; the next line that it prints is what it received."""
        argv = [*self._receiver, str(most_s)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def received(self, process):
        out, _ = process.communicate(timeout=120)
        return json.loads(out)

    def counted(self, process):
        """Return what was received but for the stamps of single packets."""
        return {key: value for key, value in self.received(process).items() if key != "stamps"}

    def delays(self):
        """Pings at each delay: shortest, median, how many came early."""
        bare = self.bare_ms()
        rows = []
        for asked in LADDER_MS:
            self.ask(delay_ms=float(asked))
            times: list[float] = []
            lost = 0
            # A busy machine only adds: the least of more and more replies is what the link does.
            while (
                len(times) + lost < MOST_PINGS and min(times, default=math.inf) > asked + bare + 1
            ):
                replies, missing = self.ping(30, 0.02)
                times += [rtt for _, rtt in replies]
                lost += missing
            rows.append(
                {
                    "asked_ms": asked,
                    "bare_ms": bare,
                    "min_ms": min(times),
                    "p50_ms": statistics.median(times),
                    "replies": len(times),
                    "early": sum(rtt < asked for rtt in times),
                    "lost": lost,
                    "shown": self.backend.show()["far"].delay_ms,
                }
            )
        return rows

    def rates(self):
        """A flood at each rate: what arrived of it."""
        rows = []
        for asked, at_once in RATES_MBIT.items():
            self.ask(rate_bps=asked * 1_000_000)
            process = self.receiving(most_s=3)
            sent = self.send(seconds=4, size=1500, at_once=at_once)
            got = self.counted(process)
            self.backend.clear()  # and with it what still waits
            self.backend = TcBackend()
            rows.append({"asked_mbit": asked, "at_once": at_once, "sent": sent, **got})
        return rows

    def changes(self):
        """Changes under a flood, in place and by delete and add: early and lost replies."""
        found = {}
        for way in ("in place", "delete and add"):
            self.ask(delay_ms=20.0)
            process = self.receiving()
            pinging = Pinging(self.target, count=600, gap_s=0.01, source=self.source)
            sent = 0
            for number in range(20):
                if way == "in place":
                    self.ask(delay_ms=(20.0, 40.0)[number % 2])
                else:
                    self.backend.clear()
                    self.backend = TcBackend()
                    self.ask(delay_ms=(20.0, 40.0)[number % 2])
                sent = self.send(seconds=0.25, size=200, gap_s=0.002, first=sent)
            replies, lost = pinging.found()
            found[way] = {
                "replies": len(replies),
                "early": sum(rtt < 20 for _, rtt in replies),
                "lost": lost,
                "sent": sent,
                **{key: value for key, value in self.counted(process).items() if key != "octets"},
            }
        return found

    def order(self):
        """A delay that becomes shorter again and again: how many packets overtook."""
        self.ask(delay_ms=60.0)
        process = self.receiving()
        sent = 0
        for number in range(20):
            self.ask(delay_ms=(5.0, 60.0)[number % 2])
            sent = self.send(seconds=0.15, size=100, gap_s=0.001, first=sent)
        return {"sent": sent, **self.counted(process)}

    def cut(self):
        """Cut off under pings: what arrives, and what the counters say."""
        self.ask(delay_ms=5.0, loss=0.0)
        _, lost_before = self.ping(10, 0.02)
        self.ask(delay_ms=5.0, cut=True)
        replies, _ = self.ping(20, 0.02)
        severed = sorted(self.backend.severed())
        lost = self.backend.counters()["far"].lost
        self.ask(delay_ms=5.0)
        healed, _ = self.ping(10, 0.02)
        return {
            "lost_before": lost_before,
            "through": len(replies),
            "severed": severed,
            "lost": lost,
            "healed": len(healed),
        }

    def queue(self):
        """More than the queue holds, without loss: all that is missing was dropped."""
        self.ask(delay_ms=5.0, rate_bps=100_000)
        process = self.receiving()
        sent = self.send(seconds=6, size=300)
        counted = self.backend.counters()["far"]
        self.ask()
        got = self.counted(process)
        return {"sent": sent, "received": got["packets"], "counted": vars(counted)}

    def jitter(self):
        """Delay over time beside the law that it follows: packets out, stamped on arrival."""
        origin = time.time_ns() - 10**12
        self.ask()
        bare = self._one_way({"delay": 0}, 100, lambda _when: 0)
        self.ask(delay_ms=60.0, jitter_ms=40.0, seed=11, origin_ns=origin)
        law = Jitter(path_key(11, "near", "far"), 40_000_000, origin)
        found = self._one_way({"delay": 60}, 800, lambda when: law.at(when) / 1e6)
        shown = self.backend.show()["far"]
        return {
            "bare_p50_ms": bare["error_p50_ms"],
            **found,
            "shown": [shown.delay_ms, shown.jitter_ms],
        }

    def _one_way(self, asked, count, noise_ms):
        """Send packets while the delay is driven; compare each one's with what the law says."""
        process = self.receiving()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((self.source, 0))
        sent = {}
        steps, began = 0, time.monotonic()
        for number in range(count):
            until = time.monotonic() + 0.012
            while True:
                wait = self.backend.step()
                steps += 1
                left = until - time.monotonic()
                if left <= 0:
                    break
                time.sleep(max(0.0, min(left, left if wait is None else wait)))
            sent[number] = time.time_ns()
            sock.sendto(NUMBER.pack(number), (self.target, PORT))
        elapsed = time.monotonic() - began
        got = self.received(process)
        pairs = [
            ((stamp - sent[int(number)]) / 1e6, asked["delay"] + noise_ms(sent[int(number)]))
            for number, stamp in got["stamps"].items()
        ]
        errors = sorted(took - expected for took, expected in pairs)
        took, spread = [one for one, _ in pairs], [expected for _, expected in pairs]
        moves = max(spread) - min(spread)
        return {
            "packets": len(pairs),
            "overtaken": got["overtaken"],
            "steps_per_s": steps / elapsed,
            "error_p10_ms": errors[len(errors) // 10],
            "error_p50_ms": statistics.median(errors),
            "error_p90_ms": errors[len(errors) * 9 // 10],
            "correlation": statistics.correlation(took, spread) if moves else 0.0,
            "law_spans_ms": moves,
        }

    def faults(self):
        """Corruption, reordering and duplication, as they are read back or refused."""
        asked = {"delay_ms": 20.0, "corrupt": 0.05, "reorder": 0.25, "loss": 0.01}
        self.ask(**asked)
        shown = self.backend.show()["far"].to_json()
        process = self.receiving()
        sent = self.send(seconds=2, size=200, gap_s=0.002)
        got = self.counted(process)
        found = {"asked": asked, "shown": {key: shown[key] for key in asked}, "sent": sent, **got}
        self.ask(delay_ms=1.0, duplicate=0.5)
        process = self.receiving()
        found["sent_to_be_doubled"] = self.send(seconds=2, size=200, gap_s=0.002)
        found["doubled"] = self.counted(process)["packets"]
        found["duplicate_shown"] = self.backend.show()["far"].duplicate
        try:
            self.backend.apply(self.row(duplicate=0.5, peers=[Peer("other", ("10.245.0.0/24",))]))
            found["duplicate_of_two"] = "done"
        except BackendError as error:
            found["duplicate_of_two"] = str(error)
        return found

    def many(self):
        """999 peers: how long a whole install, a change and a look take; packets/s beside 10."""
        found = {}
        for count in (9, 998):
            self.backend.clear()
            self.backend = TcBackend()
            others = [
                Peer(
                    f"n{number}",
                    (f"10.{245 + number // 256}.{number % 256}.0/24",),
                    tuple(f"10.{245 + number // 256}.{number % 256}.{end}" for end in (0, 1)),
                    Shape(delay_ms=5.0 + number % 7),
                )
                for number in range(count)
            ]
            before = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            self.backend.apply(self.row(peers=others))
            wall = time.monotonic() - began
            after = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            self.backend.apply(self.row(peers=others, delay_ms=1.0))
            change = time.monotonic() - began
            began = time.monotonic()
            shown = len(self.backend.show())
            look = time.monotonic() - began
            self.backend.apply(self.row(peers=others))
            process = self.receiving()
            cpu, sent = time.process_time(), self.send(seconds=4, size=100)
            cpu = time.process_time() - cpu
            got = self.counted(process)
            found[count + 1] = {
                "apply_s": wall,
                "apply_cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                "change_s": change,
                "show_s": look,
                "shown": shown,
                "sent": sent,
                "pps": got["packets"] / max(got["seconds"], 1e-9),
                "cpu_us_per_packet": 1e6 * cpu / max(sent, 1),
                "hits": self.backend.hits().get("far", 0),
            }
        return found


def main():
    where, *rest = sys.argv[1:]
    if where == "here":
        subprocess.run(["sh", "-ec", SETUP], check=True)
        try:
            inside = ["ip", "netns", "exec", "near", sys.executable, str(HERE), "inside", *rest]
            sys.exit(subprocess.run(inside, check=False).returncode)
        finally:
            subprocess.run(["sh", "-c", "ip netns del near; ip netns del far"], check=True)
    flows = str(HERE.with_name("guest_flows.py"))
    if where == "inside":
        receiver = ["ip", "netns", "exec", "far", sys.executable, flows, "receive"]
        bars = Bars("10.244.1.0/24", "10.244.2.0/24", FAR, NEAR, receiver)
    else:
        target, own, *rest = rest
        ssh = os.environ.get("FAR", "").split()
        bars = Bars(f"{own}/32", f"{target}/32", target, own, [*ssh, "python3", flows, "receive"])
    try:
        for bar in rest:
            print(json.dumps({bar: getattr(bars, bar)()}), flush=True)
    finally:
        bars.backend.clear()


if __name__ == "__main__":
    main()
