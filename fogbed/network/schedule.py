"""Which pairs of nodes can be measured side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[str, str]


def tournament(nodes: Sequence[str]) -> list[list[Pair]]:
    """Return rounds in which every two of ``nodes`` meet once, and no node stands in two pairs.

    The circle method: one node stays, the others turn about it. n - 1 rounds for an even number
    of nodes, n for an odd one, where one node rests in each.
    """
    circle: list[str | None] = [*nodes] if len(nodes) % 2 == 0 else [*nodes, None]
    half = len(circle) // 2
    rounds = []
    for _ in range(len(circle) - 1):
        facing = zip(circle[:half], reversed(circle[half:]), strict=True)
        rounds.append([(a, b) for a, b in facing if a is not None and b is not None])
        circle[1:] = [circle[-1], *circle[1:-1]]
    return rounds


def disjoint_batches(wanted: Iterable[Pair]) -> list[list[Pair]]:
    """Return ordered pairs in batches in which no node stands twice; each of ``wanted`` once.

    The two directions of a pair are in batches of their own: they pass the same ports.
    """
    asked = dict.fromkeys(wanted)
    nodes = list(dict.fromkeys(node for pair in asked for node in pair))
    batches = [
        [pair for pair in each if pair in asked]
        for one_way in tournament(nodes)
        for each in (one_way, [(b, a) for a, b in one_way])
    ]
    return [batch for batch in batches if batch]
