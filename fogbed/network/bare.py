"""What the network is without emulation: measured once, before anything is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import NetworkError, UsageError
from fogbed.network.emulator import LEFT_BEHIND, LinkEmulator
from fogbed.network.flows import Flow, run_flow
from fogbed.network.probing import probe_all
from fogbed.network.schedule import Pair, disjoint_batches
from fogbed.network.sessions import agents, in_parallel
from fogbed.plan.network import UNTOUCHED, Link, NetworkPlan
from fogbed.units import format_rate

COUNT = 25
INTERVAL_S = 0.02
_RATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bare:
    """The bare network between ``nodes``.

    ``rtt_ms``: p50 of every ordered pair in milliseconds, shape (n, n), NaN where no probe came
    back, 0 on the diagonal. ``rates_bps``: layer 3 bit/s of the pairs where it had to be known.
    """

    nodes: tuple[str, ...]
    rtt_ms: npt.NDArray[np.float64]
    rates_bps: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        rates = [[*ends, rate] for ends, rate in self.rates_bps.items()]
        return {"nodes": self.nodes, "rtt_ms": self.rtt_ms.tolist(), "rates_bps": rates}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Bare:
        """Return what ``as_json`` made ``value`` of."""
        return cls(
            nodes=tuple(value["nodes"]),
            rtt_ms=np.array(value["rtt_ms"], dtype=np.float64),
            rates_bps={(source, target): rate for source, target, rate in value["rates_bps"]},
        )


class BareMemory(Protocol):
    """What a platform keeps of the bare network of a testbed, as long as it is the same network."""

    @property
    def one_medium(self) -> bool:
        """Whether every pair passes the same path, so that one bare rate speaks for all."""

    def remember(self, bare: Bare) -> None:
        """Keep ``bare`` in the place of what was kept."""

    def recall(self) -> Bare | None:
        """Return what was kept; None where nothing was."""


def bare_network(  # noqa: PLR0913 - where it is measured and kept, and how; by keyword
    emulator: LinkEmulator,
    *,
    memory: BareMemory,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
    clear: bool = False,
) -> Bare:
    """Return the bare network: as remembered, else measured, which needs untouched links.

    ``clear``: measure anew, taking the impairments away for the second this takes.

    Raises:
        NetworkError: it was never measured, links are impaired now, and ``clear`` is false.
    """
    nodes = tuple(channels)
    known = None if clear else memory.recall()
    if known is not None and known.nodes == nodes:
        return known
    in_force = emulator.show()
    if in_force.index.any() and not clear:
        raise NetworkError(
            "the bare RTT was not measured before the network was impaired",
            hint="`fogbed network verify --clear-first` takes the impairments away for a second",
        )
    if clear or LEFT_BEHIND in emulator.backends().values():
        emulator.clear()
    try:
        bare = measure_bare(channels=channels, addresses=addresses, progress=progress)
        if memory.one_medium and len(nodes) > 1:
            # Now, while nothing is in the way: later profiles may ask for rates
            ends = [[(nodes[0], nodes[1])]]
            bare = _measure_rates(bare, ends, channels, addresses, progress)
    finally:
        if clear:
            emulator.apply(in_force, lease_s=None)
    memory.remember(bare)
    return bare


def measure_bare(
    *, channels: Mapping[str, Channel], addresses: Mapping[str, str], progress: Progress
) -> Bare:
    """Measure the RTT of every ordered pair at once, as the network is now."""
    nodes = tuple(channels)
    with progress.step("measuring the bare RTT"), agents(channels) as sessions:
        seen = probe_all(sessions, addresses, count=COUNT, interval_s=INTERVAL_S, wait_s=1.0)
    matrix = np.zeros((len(nodes), len(nodes)))
    for (i, j), values in seen.probes.items():
        came = values.answered().rtts_ms
        matrix[i, j] = np.median(came) if came.size else np.nan
    return Bare(nodes=nodes, rtt_ms=matrix)


def with_rates(  # noqa: PLR0913 - the bare network, the plan, and where both are; by keyword
    bare: Bare,
    plan: NetworkPlan,
    emulator: LinkEmulator,
    *,
    memory: BareMemory,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
) -> Bare:
    """Return ``bare`` with the rate of every pair that ``plan`` limits, measured where unknown.

    One TCP stream per pair, side by side where no node is in two of them; what carried less than
    is asked has its turn alone: it may have been in the way of another. Where all pairs share one
    medium, the rate that was measured with the bare RTT speaks for all of them.

    Raises:
        NetworkError: a pair's bare rate is unknown and something is in its way now.
    """
    wanted = [(link.source, link.target) for link in _limited(plan)]
    unknown = [ends for ends in wanted if ends not in bare.rates_bps]
    if not unknown or (memory.one_medium and bare.rates_bps):
        return bare
    in_force = emulator.show()
    hidden = [" to ".join(ends) for ends in unknown if not _is_free(in_force, ends)]
    if hidden:
        raise NetworkError(
            f"the bare rate was not measured before the network was impaired: {', '.join(hidden)}",
            hint="`fogbed network clear`, then apply again",
        )
    batches = [[ends] for ends in unknown] if memory.one_medium else disjoint_batches(unknown)
    measured = _measure_rates(bare, batches, channels, addresses, progress)
    short = [link for link in _limited(plan) if _asks_more(link, measured)]
    alone = [
        [ends] for link in short if len(_batch_of(ends := (link.source, link.target), batches)) > 1
    ]
    measured = _measure_rates(measured, alone, channels, addresses, progress)
    memory.remember(measured)
    return measured


def _asks_more(link: Link, bare: Bare) -> bool:
    return (link.impairment.most_rate_bps or 0) > bare.rates_bps[link.source, link.target]


def _batch_of(ends: Pair, batches: Sequence[Sequence[Pair]]) -> Sequence[Pair]:
    return next((batch for batch in batches if ends in batch), ())


def _measure_rates(
    bare: Bare,
    batches: Sequence[Sequence[Pair]],
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
) -> Bare:
    """Return ``bare`` with the rates of all pairs in ``batches``, one batch after the other."""
    if not batches:
        return bare
    rates = dict(bare.rates_bps)
    reached = {node: channels[node] for batch in batches for ends in batch for node in ends}

    def measure(ends: Pair) -> float:
        flow = Flow(
            source=ends[0], target=ends[1], protocol="tcp", seconds=_RATE_SECONDS, rate_bps=None
        )
        _, got = run_flow(flow, sessions, addresses, quiet_s=0.2)
        return float(got.rates_bps(_RATE_SECONDS / 2).max(initial=0.0))

    step = progress.step("measuring the bare rate", total=sum(map(len, batches)))
    with step as current, agents(reached) as sessions:
        for done, batch in enumerate(batches, 1):
            rates.update(zip(batch, in_parallel(measure, batch), strict=True))
            current.advance(sum(map(len, batches[:done])), " to ".join(batch[-1]))
    return Bare(nodes=bare.nodes, rtt_ms=bare.rtt_ms, rates_bps=rates)


def require_carried(plan: NetworkPlan, bare: Bare, *, one_medium: bool) -> None:
    """Refuse rates above what the bare network carries.

    Raises:
        UsageError: a rate is; the message has both figures of every such pair.
    """
    best = max(bare.rates_bps.values(), default=None) if one_medium else None
    problems = []
    for link in _limited(plan):
        carried = bare.rates_bps.get((link.source, link.target), best)
        asked = link.impairment.most_rate_bps or 0
        if carried is not None and asked > carried:
            problems.append(
                f"{link.source} to {link.target}: {format_rate(asked)} is asked, "
                f"the bare network carries {format_rate(_rounded(carried))}"
            )
    if problems:
        raise UsageError(
            "the profile asks for rates that this network does not have",
            details="\n".join(problems),
            hint="ask for less, or leave `rate` out: it is never lowered silently",
        )


def _rounded(bps: float) -> int:
    """Return three significant digits: more would be noise."""
    return int(float(f"{bps:.3g}"))


def _limited(plan: NetworkPlan) -> Sequence[Link]:
    return [link for link in plan.links() if link.impairment.rate_bps]


def _is_free(in_force: NetworkPlan, ends: tuple[str, str]) -> bool:
    ways = (ends, ends[::-1])
    return all(in_force.between(*way) == UNTOUCHED for way in ways)
