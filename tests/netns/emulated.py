"""Three ends of an emulated network, whatever emulates it: what the contract is asked of.

``a``, ``b`` and ``c`` are pods of three nodes, each with a backend of its own, or three nodes of
the laptop's. Shapes are given by (source, target), as the members of an impairment.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from node_backends import NodeBackends
from node_layout import Layout, pod_address
from tc_recorded import FILE as STEPS_FILE

from fogbed.network.sessions import agents
from fogbed.network.tc_here import why
from fogbed.network.trial import Trial
from fogbed.plan.network import Impairment, NetworkPlan

ENDS = "abc"
RECORDED = Path(__file__).with_name("tc_recorded.py")
PAIRS = [(source, target) for source in ENDS for target in ENDS if source != target]


class OnNodes:
    """Pods of a layout, shaped by a backend on every node."""

    def __init__(self, backend, pods, between):
        self._undo = ExitStack()
        self._backend = backend
        self.layout = Layout(pods=pods, between=between)

    def __enter__(self):
        enter = self._undo.enter_context
        enter(self.layout)
        self.backends = enter(NodeBackends(self.layout, self._backend))
        self.namespaces = {end: self.layout.namespaces[f"p{i}"] for i, end in enumerate(ENDS)}
        self.addresses = {end: pod_address(i) for i, end in enumerate(ENDS)}
        channels = {end: self.layout.channels[f"p{i}"] for i, end in enumerate(ENDS)}
        self.sessions = enter(agents(channels))
        return self

    def __exit__(self, *_):
        self._undo.close()

    def possible(self):
        return self.backends.nodes[0].ask("possible")

    def names(self, *ends):
        """Return what the emulator calls the nodes of ``ends``."""
        return [f"n{ENDS.index(end)}" for end in ends]

    def apply(self, shapes, cut="", **given):
        numbered = {tuple(map(ENDS.index, pair)): shape for pair, shape in shapes.items()}
        self.backends.apply(numbered, cut=[ENDS.index(end) for end in cut], **given)

    def show(self):
        shown = self.backends.show()
        return {
            (source, target): _asked(shown[ENDS.index(source)][f"n{ENDS.index(target)}"])
            for source, target in PAIRS
        }

    def counters(self, source, target):
        return self.backends.counters(ENDS.index(source), ENDS.index(target))

    def steps(self, source, target):
        """Return the delays that were written on a way, each with when; [] where the law decides.

        See ``jitter_contract.Step``.
        """
        return self.backends.steps(ENDS.index(source), ENDS.index(target))

    def clear(self):
        self.backends.clear()


class Recorded(Trial):
    """A trial by tc that keeps what was written to drive delays."""

    def start(self):
        # in the place of -m fogbed.network.tc
        self._command[1:3] = [str(RECORDED)]
        super().start()


class OnLaptop:
    """Nodes of the laptop's fabric, or joined and shaped by its kernel ("tc")."""

    def __init__(self, emulator="fabric"):
        self._undo = ExitStack()
        self._serves = emulator
        self._shapes = {}

    def __enter__(self):
        enter = self._undo.enter_context
        self._steps = Path(enter(TemporaryDirectory(prefix="fogbed-steps-")), "steps")
        os.environ[STEPS_FILE] = str(self._steps)
        self._lacking = why() if self._serves == "tc" else ""
        if self._lacking:
            return self
        trial = enter((Recorded if self._serves == "tc" else Trial)(ENDS, emulator=self._serves))
        self._emulator = trial.emulator
        self.namespaces, self.addresses = trial.namespaces, trial.addresses
        self.sessions = enter(agents(trial.channels))
        self._cut = set()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def possible(self):
        return self._lacking

    def names(self, *ends):
        return ends

    def apply(self, shapes, cut="", **given):
        index = np.zeros((3, 3), np.uint32)
        impairments = [Impairment()]
        for (source, target), shape in shapes.items():
            index[ENDS.index(source), ENDS.index(target)] = len(impairments)
            impairments.append(Impairment(**shape))
        plan = NetworkPlan(tuple(ENDS), tuple(impairments), index, **given)
        self._steps.write_text("")
        self._shapes = shapes
        self._emulator.apply(plan, lease_s=None)
        for end in set(cut) - self._cut:
            self._emulator.cut(end)
        for end in self._cut - set(cut):
            self._emulator.heal(end)
        self._cut = set(cut)

    def show(self):
        plan = self._emulator.show()
        nodes = list(plan.nodes)
        return {
            pair: _asked(vars_of(plan.impairments[plan.index[tuple(map(nodes.index, pair))]]))
            for pair in PAIRS
        }

    def counters(self, source, target):
        links = {(each.source, each.target): each for each in self._emulator.counters().links}
        return vars_of(links[source, target])

    def steps(self, source, target):
        lines = [json.loads(line) for line in self._steps.read_text().splitlines()]
        found = [line[2:] for line in lines if line[:2] == [source, target]]
        # what a link was installed with is in force until the first step
        installed = round(self._shapes[source, target]["delay_ms"] * 1e6)
        return [[0, 0, installed], *found] if found else []

    def clear(self):
        if not self._lacking:
            self._emulator.clear()


def vars_of(thing):
    """Return a slotted dataclass's members by name."""
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}


def _asked(shape):
    return {name: value for name, value in shape.items() if value}
