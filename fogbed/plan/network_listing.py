"""A network plan as text, a piece at a time: a million links never stand in memory at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from fogbed.plan.network import Impairment, NetworkPlan


def as_json(plan: NetworkPlan) -> Iterator[str]:
    """Yield one JSON document: ``nodes``, and every touched ordered pair in ``links``.

    Delays and jitter in milliseconds, loss as a fraction, rate in bit/s or null; the same names
    as ``Impairment`` has. One piece per source node.
    """
    names = [json.dumps(name) for name in plan.nodes]
    targets = np.array([f', "to": {name}, ' for name in names], dtype=object)
    shapes = np.array([_members(impairment) for impairment in plan.impairments], dtype=object)
    yield f'{{"nodes": [{", ".join(names)}],\n "links": ['
    separator = "\n"
    for name, row in zip(names, plan.index, strict=True):
        touched = np.flatnonzero(row)
        if touched.size:
            opening = f'  {{"from": {name}'
            ends = targets[touched] + shapes[row[touched]]
            yield separator + ",\n".join(opening + end for end in ends)
            separator = ",\n"
    yield "\n ]}\n"


def _members(impairment: Impairment) -> str:
    members = {
        "delay_ms": impairment.delay_ms,
        "jitter_ms": impairment.jitter_ms,
        "loss": impairment.loss,
        "rate_bps": impairment.rate_bps,
    }
    return json.dumps(members)[1:-1] + "}"
