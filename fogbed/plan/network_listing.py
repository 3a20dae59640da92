"""A network plan as text, a piece at a time: a million links never stand in memory at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from fogbed.plan.impairment import Impairment, members_of
from fogbed.plan.network import NetworkPlan


def as_json(plan: NetworkPlan) -> Iterator[str]:
    """Yield one JSON document: ``nodes``, and every touched ordered pair in ``links``.

    Delays and jitter in milliseconds, loss and faults as fractions, rate in bit/s or null; the same
    names as ``Impairment`` has, and ``trace`` where there is one. One piece per source node.
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
    return json.dumps(members_of(impairment))[1:-1] + "}"
