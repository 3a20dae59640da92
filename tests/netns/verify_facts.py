"""What verify says of a fabric that does as asked, and of one that does not; prints it as JSON.

``verify_facts.py KIND``. Three nodes; every kind of verdict has a pair of its own.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress

import numpy as np

from fogbed.clients.progress import Quiet
from fogbed.errors import NetworkError
from fogbed.network.bare import measure_bare
from fogbed.network.causes import likely_cause, worst_of
from fogbed.network.sessions import agents
from fogbed.network.trial import Trial
from fogbed.network.verify import verify
from fogbed.plan.network import Impairment, NetworkPlan

NODES = ("a", "b", "c")
IN_FORCE = {
    ("a", "b"): Impairment(delay_ms=20, corrupt=0.05),
    ("b", "a"): Impairment(delay_ms=5, rate_bps=5_000_000),
    ("b", "c"): Impairment(delay_ms=20, duplicate=0.05),
    ("c", "a"): Impairment(delay_ms=20, reorder=0.05),
    ("a", "c"): Impairment(delay_ms=20, loss=0.05),
}
# the same pairs, each asked for something else; a to b and back swapped: the RTT is the same
OTHER = {
    ("a", "b"): Impairment(delay_ms=5, corrupt=0.3),
    ("b", "a"): Impairment(delay_ms=20, rate_bps=20_000_000),
    ("b", "c"): Impairment(delay_ms=20, duplicate=0.3),
    ("c", "a"): Impairment(delay_ms=20, reorder=0.3),
    ("a", "c"): Impairment(delay_ms=1_000, loss=0.3),
}
NARROW = {("c", "b"): Impairment(rate_bps=1_000_000)}


def plan(asked):
    impairments = (Impairment(), *asked.values())
    index = np.zeros((3, 3), dtype=np.uint32)
    for number, (source, target) in enumerate(asked, 1):
        index[NODES.index(source), NODES.index(target)] = number
    return NetworkPlan(NODES, impairments, index)


def told(found):
    """Return the verdicts by pair, as far as the test looks at them."""

    def by_pair(verdicts, *members):
        return {
            f"{each.source}>{each.target}": {name: getattr(each, name) for name in members}
            for each in verdicts
        }

    return {
        "ok": found.ok,
        "rtts": by_pair(found.pairs, "p50_ms", "asked_rtt_ms", "ok"),
        "one_ways": by_pair(
            found.one_ways, "low_ms", "high_ms", "asked_ms", "bound_ms", "heard", "ok"
        ),
        "rates": by_pair(found.rates, "most_bps", "ok"),
        "losses": by_pair(found.losses, "measured", "sent", "ok"),
        "faults": by_pair(found.faults, "fault", "measured", "trials", "hits", "late", "ok"),
        "drops": by_pair(found.drops, "dropped", "carried"),
        "differences": len(found.read_back.differences),
        "one_machine": found.surroundings.one_machine,
        "worst": str(worst_of(found)),
        "cause": likely_cause(found),
    }


def send_on(agent, address):
    """Flood an address until the session is over."""
    with suppress(NetworkError):
        agent.send("udp", (address, 9), seconds=100.0, rate_bps=4e6, size=1000)


def main(kind):
    with Trial(NODES, kind=kind) as trial:
        where = {"channels": trial.channels, "addresses": trial.addresses, "progress": Quiet()}
        bare = measure_bare(**where).rtt_ms

        def verified(asked, **how):
            return told(verify(plan(asked), **where, bare=bare, emulator=trial.emulator, **how))

        trial.emulator.apply(plan(IN_FORCE), lease_s=None)
        facts = {"as_asked": verified(IN_FORCE), "otherwise": verified(OTHER, count=30)}
        trial.emulator.apply(plan(NARROW), lease_s=None)
        with agents({"c": trial.channels["c"]}) as sessions:
            flood = threading.Thread(target=send_on, args=(sessions["c"], trial.addresses["b"]))
            flood.start()
            facts["flooded"] = verified(NARROW, flows=False, count=20)
        flood.join()
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1])
