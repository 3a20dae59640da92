"""In a guest: what the backend tc does to real packets. One bar per call, JSON on stdout.

``here BAR``: between two namespaces, which it makes and removes. ``to ADDRESS OWN BAR``: to another
guest, from the guest itself.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

import guest_many
import guest_rates
from guest_flows import Pinging, ping, send

from fogbed.network.agent.backend import BackendError, Peer, Row
from fogbed.network.agent.tc_backend import TcBackend
from fogbed.network.link import Shape

LADDER_MS = (1, 5, 20, 50, 100, 200, 300)
MOST_PINGS = 600
HERE = Path(__file__)
FLOWS = str(HERE.with_name("guest_flows.py"))
NEAR, FAR = "10.244.1.5", "10.244.2.5"
SETUP = """
ip netns add near; ip netns add far
for n in near far; do ip -n $n link set lo up; done
for i in 0 1; do
  ip link add near$i netns near type veth peer name far$i netns far
  ip -n near addr add 10.0.$i.1/24 dev near$i; ip -n far addr add 10.0.$i.2/24 dev far$i
  for n in near far; do ip -n $n link set $n$i up; done
done
ip -n near addr add 10.244.1.5/32 dev lo; ip -n far addr add 10.244.2.5/32 dev lo
ip -n near route add 10.240.0.0/12 via 10.0.0.2; ip -n far route add 10.244.1.0/24 via 10.0.0.1
ip -n near route add 10.200.0.0/16 via 10.0.1.2
for a in 10.247.230.5 10.200.9.5; do ip -n far addr add $a/32 dev lo; done
"""


class Bars:
    """The backend between here and one far end, which is reached by ``target``."""

    def __init__(self, own, network, target, source, far, *, cuts):
        """``far``: argv in front of a command at the far end; ``cuts``: the device cuts packets."""
        self.cuts = cuts
        self.own, self.network, self.target, self.source = own, network, target, source
        self.far = far
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
        return self.at_far_end("receive", most_s)

    def at_far_end(self, what, *arguments):
        """Start a program of ``guest_flows`` there, and return it when it is ready."""
        argv = [*self.far, "python3", FLOWS, what, *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def afresh(self):
        """Take all of it away, also what still waits in queues."""
        self.backend.clear()
        self.backend = TcBackend()

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
        """A link that is full, at each rate; see ``guest_rates``."""
        rates = guest_rates.AT_ONCE_MBIT if self.cuts else guest_rates.SINGLE_MBIT
        return [guest_rates.full(self, asked, at_once) for asked, at_once in rates.items()]

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
                    self.afresh()
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
        """10 and 999 peers; see ``guest_many``."""
        return guest_many.many(self)


def main():
    where, *rest = sys.argv[1:]
    if where == "here":
        subprocess.run(["sh", "-ec", SETUP], check=True)
        try:
            inside = ["ip", "netns", "exec", "near", sys.executable, str(HERE), "inside", *rest]
            sys.exit(subprocess.run(inside, check=False).returncode)
        finally:
            subprocess.run(["sh", "-c", "ip netns del near; ip netns del far"], check=True)
    if where == "inside":
        in_far = ["ip", "netns", "exec", "far"]
        bars = Bars("10.244.1.0/24", "10.244.2.0/24", FAR, NEAR, in_far, cuts=True)
    else:
        target, own, *rest = rest
        ssh = os.environ.get("FAR", "").split()
        bars = Bars(f"{own}/32", f"{target}/32", target, own, ssh, cuts=False)
    try:
        for bar in rest:
            print(json.dumps({bar: getattr(bars, bar)()}), flush=True)
    finally:
        bars.backend.clear()


if __name__ == "__main__":
    main()
