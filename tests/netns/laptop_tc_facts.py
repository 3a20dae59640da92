"""A laptop's network shaped by its kernel, from its first packet to its end; prints facts as JSON.

``laptop_tc_facts.py [COUNT]``: of so many nodes, without a keeper. It takes a kernel with netem.
Times are told for people; what is asserted is what load cannot spoil.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager

import numpy as np

from fogbed.network.agent.tc_tree import Tree
from fogbed.network.namespaces import inside
from fogbed.network.sessions import agents
from fogbed.network.tc_here import why
from fogbed.network.trial import Trial
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace

READY_S = 300.0
PROBES = 30


class Watch:
    """How long things took, by name."""

    def __init__(self):
        self.took_s = {}

    @contextmanager
    def __call__(self, name):
        began = time.monotonic()
        yield
        self.took_s[name] = round(time.monotonic() - began, 3)


def plan_of(nodes):
    """Return a plan with a delay of its own for every pair: no two can be mistaken."""
    count = len(nodes)
    impairments = [UNTOUCHED]
    index = np.zeros((count, count), np.uint32)
    for i in range(count):
        for j in range(count):
            if i != j:
                index[i, j] = len(impairments)
                impairments.append(Impairment(delay_ms=float(10 + 2 * i + j)))
    return NetworkPlan(tuple(nodes), tuple(impairments), index)


def traced(nodes):
    """Return a plan with one link that a trace drives, a step every 0.2 s."""
    trace = Trace("steps", (0.0, 0.2, 0.4), delay_ms=(5.0, 6.0, 7.0))
    impairment = Impairment(delay_ms=6.0, trace=trace)
    index = np.zeros((len(nodes), len(nodes)), np.uint32)
    index[0, 1] = 1
    plan = NetworkPlan(tuple(nodes), (UNTOUCHED, impairment), index)
    return NetworkPlan(plan.nodes, plan.impairments, index, 0, time.time_ns())


def rtts(session, trial, asked=None):
    """Return the least RTT (ms) from the first node to each other, beside what is asked."""
    first, *others = trial.addresses
    addresses = [trial.addresses[node] for node in others]
    came = session.ping(addresses, count=PROBES, interval_s=0.02, wait_s=10.0)
    return {
        node: {
            "asked_ms": 0.0 if asked is None else both_ways(asked, first, node),
            "least_ms": float(np.nanmin(came[trial.addresses[node]].rtts_ms)),
        }
        for node in others
    }


def both_ways(plan, source, target):
    return plan.between(source, target).delay_ms + plan.between(target, source).delay_ms


def came_back(session, trial, node, wait_s=10.0):
    address = trial.addresses[node]
    probes = session.ping([address], count=10, interval_s=0.01, wait_s=wait_s)[address]
    return int(probes.answered().rtts_ms.size)


def packets(trial):
    first, second, *_ = trial.addresses
    links = {(each.source, each.target): each for each in trial.emulator.counters().links}
    return links[first, second].packets


def kill(trial):
    trial.process.kill()
    trial.process.wait()


def start(trial):
    trial.start()
    trial.emulator.wait_until_ready(READY_S)


def adopted(trial, session, asked):
    """Kill the process; tell what the kernel does meanwhile, and what the next one finds."""
    before = packets(trial)
    kill(trial)
    meanwhile = rtts(session, trial, asked)
    start(trial)
    return {
        "meanwhile": meanwhile,
        "differences": len(asked.differences(trial.emulator.show())),
        "counted_on": packets(trial) - before,
    }


def cutting(trial, session):
    """Cut the second node off, also over a death of the process, and join it again."""
    _, second, third, *_ = trial.addresses
    trial.emulator.cut(second)
    facts = {"cut": came_back(session, trial, second, 0.5)}
    facts["other"] = came_back(session, trial, third)
    kill(trial)
    start(trial)
    facts["still_cut"] = came_back(session, trial, second, 0.5)
    trial.emulator.heal(second)
    facts["joined"] = came_back(session, trial, second)
    return facts


def taken_away(trial, asked):
    """Take a node's queues away behind the process's back; tell that it ends, and what is next."""
    first = next(iter(trial.addresses))
    with inside(trial.namespaces[first]):
        tree = Tree()
    tree.clear()
    tree.close()
    ended = trial.process.wait(READY_S)
    start(trial)
    return {"ended": ended, "differences": len(asked.differences(trial.emulator.show()))}


def steps(trial):
    """Tell which steps of a trace were seen in force, also after the process has died."""
    first, second, *_ = trial.addresses
    asked = traced(list(trial.addresses))
    trial.emulator.apply(asked, lease_s=None)
    seen = []
    for _ in range(2):
        delays, end = set(), time.monotonic() + READY_S
        while len(delays) < 3 and time.monotonic() < end:
            delays.add(trial.emulator.show().between(first, second).delay_ms)
        seen.append(sorted(delays))
        kill(trial)
        start(trial)
    return seen


def facts_of(count, watch):
    nodes = [f"n{number}" for number in range(count)]
    asked = plan_of(nodes)
    with watch("joined and started"):
        trial = Trial(nodes, emulator="tc").__enter__()
    with trial, agents({nodes[0]: trial.channels[nodes[0]]}) as sessions:
        session = sessions[nodes[0]]
        facts = {"backends": sorted(set(trial.emulator.backends().values()))}
        facts["bare"] = rtts(session, trial)
        with watch("applied"):
            trial.emulator.apply(asked, lease_s=None)
        with watch("shown"):
            facts["differences"] = len(asked.differences(trial.emulator.show()))
        with watch("counted"):
            packets(trial)
        facts["rtts"] = rtts(session, trial, asked)
        facts["adopted"] = adopted(trial, session, asked)
        facts["cutting"] = cutting(trial, session)
        facts["taken_away"] = taken_away(trial, asked)
        facts["steps"] = steps(trial)
        with watch("cleared"):
            trial.emulator.clear()
        facts["cleared"] = not trial.emulator.show().index.any()
        facts["bare_again"] = rtts(session, trial)
    return facts


def main(count="10"):
    lacking = why()
    watch = Watch()
    facts = {} if lacking else facts_of(int(count), watch)
    sys.stdout.write(json.dumps({"lacking": lacking, **facts, "took_s": watch.took_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
