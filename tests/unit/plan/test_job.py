from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.plan.job import (
    JobRequest,
    PublishedLandmarks,
    PublishedRides,
    parse_arguments,
    program_arguments,
    request_problems,
)
from fogbed.plan.placement import Place
from fogbed.plan.slots import SlotShare
from fogbed.spec.experiment import Replay
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

OPERATORS = NEAREST_LANDMARK.operator_names
NUMBER = st.floats(min_value=1e-3, max_value=1e9)
NAME = st.text(alphabet="abz09.-_ =:%,", min_size=1, max_size=12)
URI = st.tuples(
    st.sampled_from(["file:///", "s3://bucket/"]), st.lists(NAME, min_size=1, max_size=3)
).map(lambda parts: parts[0] + "/".join(parts[1]))
REPLAYS = st.one_of(
    st.builds(
        lambda rate, loop: Replay.model_construct(rate=rate, loop=loop), NUMBER, st.booleans()
    ),
    st.builds(lambda speedup: Replay.model_construct(speedup=speedup), NUMBER),
    st.builds(
        lambda steps: Replay.model_construct(steps=tuple(steps)),
        st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=4),
    ),
    st.just(Replay.model_construct(unlimited=True, loop=True)),
)
PLACES = st.one_of(
    NAME.map(lambda name: Place(node=name)),
    st.sampled_from(["edge", "fog", "cloud"]).map(lambda tier: Place(tier=tier)),
    st.tuples(st.from_regex("[a-z][a-z.]*", fullmatch=True), NAME).map(
        lambda label: Place(label=label)
    ),
)


def request_of(**changes: object) -> JobRequest:
    plain = JobRequest(
        rides=PublishedRides(
            name="nyc-sample",
            rides_uri="file:///data/rides.csv",
            index_uri="file:///data/rides.index",
            rides=1000,
        ),
        landmarks=PublishedLandmarks(name="nyc-famous", uri="file:///data/nyc.csv"),
        replay=Replay.model_construct(rate=5000.0, loop=True),
    )
    return replace(plain, **changes)


@given(
    replay=REPLAYS,
    placement=st.dictionaries(st.sampled_from(OPERATORS), PLACES),
    parallelism=st.fixed_dictionaries({op: st.integers(1, 120) for op in OPERATORS}),
    output=st.one_of(st.none(), URI),
    file=URI,
    chaining=st.booleans(),
)
def test_the_arguments_say_everything_the_request_says(
    replay, placement, parallelism, output, file, chaining
):
    request = request_of(
        replay=replay,
        placement=placement,
        parallelism=parallelism,
        output_uri=output,
        sink="files" if output else "print",
        chaining=chaining,
        landmarks=PublishedLandmarks(name="x", uri=file),
        checkpoint_interval_s=0.25,
        seed=7,
    )
    words = program_arguments(request, {})
    given_back = {key[2:]: value for key, value in zip(words[::2], words[1::2], strict=True)}
    assert parse_arguments(given_back) == request


def test_a_placed_operator_asks_for_its_share_of_a_task_manager():
    request = request_of(placement={"nearest": Place(tier="fog")})
    share = SlotShare(resource="tier-fog", cpu=1 / 3, heap=44_739_242)
    words = program_arguments(request, {"nearest": share})
    assert words[words.index("--slot.nearest") + 1] == "resource=tier-fog,cpu=0.3333,heap=44739242"
    assert words[words.index("--place.nearest") + 1] == "tier=fog"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"parallelism": {"rides": 1, "parse": 0, "nearest": 1, "results": 1}},
            "parallelism of parse is 0; it must be from 1 to 120",
        ),
        (
            {"parallelism": {"rides": 9, "parse": 1, "nearest": 1, "results": 1}, "splits": 8},
            "parallelism of rides is 9, but the rides are in 8 parts",
        ),
        ({"sink": "files"}, "sink files needs an output folder"),
        (
            {"chaining": True, "parallelism": {"rides": 1, "parse": 1, "nearest": 2, "results": 1}},
            "chained operators (parse, nearest, results) need the same parallelism",
        ),
        (
            {"chaining": True, "placement": {"results": Place(tier="cloud")}},
            "results is placed, but chaining keeps it in one thread with parse",
        ),
    ],
)
def test_what_no_cluster_could_do_is_said_before_one_is_asked(changes, problem):
    assert request_problems(request_of(**changes)) == [problem]


def test_parameters_of_another_program_are_not_a_request():
    with pytest.raises(KeyError):
        parse_arguments({"input": "words.txt"})
