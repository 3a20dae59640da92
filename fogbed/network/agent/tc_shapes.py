"""What a peer's class and netem mean, in the words of a row.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from fogbed.network.agent.backend import Peer
from fogbed.network.link import Shape
from fogbed.plan.tc import CERTAIN, Egress, Leaf, leaf_of

_DIGITS = 9  # of a fraction: the kernel has 32 bits


def as_leaf(peer: Peer, egress: Egress) -> Leaf:
    """Return what is asked of a peer, in the kernel's units."""
    return _leaf(peer.shape, peer.cut, egress.mtu)


@lru_cache(maxsize=256)
def _leaf(shape: Shape, cut: bool, mtu: int) -> Leaf:  # noqa: FBT001 - a cache has no names
    return leaf_of(**shape.to_json(), cut=cut, mtu=mtu)


def as_shape(leaf: Leaf, asked: Peer, egress: Egress) -> Shape:
    """Return what the kernel has, without jitter, which it knows nothing of.

    Where that is what the asked shape comes to in the kernel's units, the shape as it was asked: a
    rate of 1001 bit/s is 125 octets/s.
    """
    wanted = as_leaf(asked, egress)
    if replace(leaf, limit=wanted.limit, cut=wanted.cut) == wanted:
        return asked.shape._replace(jitter_ms=0.0)
    loss, corrupt, duplicate, reorder = (
        round(share / CERTAIN, _DIGITS)
        for share in (leaf.loss, leaf.corrupt, leaf.duplicate, leaf.reorder)
    )
    return Shape(
        delay_ms=leaf.delay_ns / 1e6,
        loss=loss,
        rate_bps=8 * leaf.octets_per_s or None,
        corrupt=corrupt,
        duplicate=duplicate,
        reorder=reorder,
    )
