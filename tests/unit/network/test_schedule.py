"""Which pairs are measured side by side: each once, and no node in two of them."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.schedule import disjoint_batches, tournament

counts = st.integers(min_value=0, max_value=40)


def nodes(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


@given(counts)
def test_every_two_meet_once_and_nobody_twice_in_a_round(count: int) -> None:
    rounds = tournament(nodes(count))
    met = [frozenset(pair) for each in rounds for pair in each]
    assert len(met) == len(set(met))
    assert set(met) == set(map(frozenset, combinations(nodes(count), 2)))
    for each in rounds:
        together = [node for pair in each for node in pair]
        assert len(together) == len(set(together))
    # as few rounds as there can be
    assert len([each for each in rounds if each]) == max(0, count - 1 + count % 2 * (count > 1))


@given(st.data(), st.integers(min_value=2, max_value=14))
def test_each_wanted_pair_is_in_one_batch_and_no_node_in_two_of_its_pairs(
    data: st.DataObject, count: int
) -> None:
    names = nodes(count)
    every = [(a, b) for a in names for b in names if a != b]
    wanted = data.draw(st.lists(st.sampled_from(every), unique=True))
    batches = disjoint_batches(wanted)
    assert sorted(pair for batch in batches for pair in batch) == sorted(wanted)
    for batch in batches:
        together = [node for pair in batch for node in pair]
        assert len(together) == len(set(together))
    assert len(batches) <= 2 * count


def test_ten_nodes_take_18_batches_and_not_90_flows_one_after_the_other() -> None:
    names = nodes(10)
    every = [(a, b) for a in names for b in names if a != b]
    assert [len(batch) for batch in disjoint_batches(every)] == [5] * 18
