"""What every emulator promises, asked of what ``tests/netns/emulation_contract.py`` has seen.

``Promises`` is the base of a test class wherever an emulator can be had: in namespaces of this
kernel (``tests/netns``) and in a guest with a stock one (``tests/vm``). Where it is used there is a
fixture ``seen`` with what the contract printed.
"""

from __future__ import annotations

from fogbed.network.binomial import binomial_interval

PACKET = 1500
# two clocks are converted into each other, once here and once where packets are delayed
CLOCKS_MS = 0.05
# a hair more than a packet's way takes: what it waits for a processor
NEAR_MS = 1.0


class Promises:
    def test_a_delay_is_never_early_and_hardly_late(self, seen):
        for line in seen["delays"]:
            # the clock that probes are stamped with may be slewed by 500 ppm
            assert line["least_ms"] >= 0.999 * 2 * line["delay_ms"], f"early: {line}"
            assert line["least_ms"] <= line["allowed_ms"], line

    def test_one_direction_is_delayed_and_no_other(self, seen):
        assert 0.999 * 30 <= seen["one_way"]["there"] <= 32.0, seen["one_way"]
        assert seen["one_way"]["other"] <= 5.0, seen["one_way"]

    def test_a_rate_is_never_passed(self, seen):
        for line in seen["rates"]:
            assert line["ahead"] <= PACKET, line
            # a flood keeps the link busy unless its sender is starved for long
            assert line["octets"] >= 0.5 * line["asked"], line

    def test_a_loss_is_within_its_interval(self, seen):
        loss = seen["loss"]
        lost = loss["sent"] - loss["came"]
        low, high = binomial_interval(lost, loss["sent"], confidence=0.999)
        assert loss["sent"] >= 500
        assert low <= loss["fraction"] <= high, loss

    def test_a_change_in_place_lets_nothing_through_early_and_loses_nothing(self, seen):
        changes = seen["changes"]
        assert changes["sent"] >= 200
        assert changes["came"] == changes["sent"], changes
        assert changes["least_ms"] >= 20.0, changes
        assert changes["ordered"], "a packet was overtaken"

    def test_jitter_follows_its_law(self, seen):
        law = seen["law"]
        assert law["missing"] == [], law
        assert law["ordered"], "a packet was overtaken"
        # a busy machine makes packets late, never early ...
        assert law["early_ms"] <= CLOCKS_MS, law
        # ... and of many packets one is not: wherever the law was, there the delay has been
        assert len(law["nearest_ms"]) == law["parts"], law
        allowed = law["bare_ms"] + law["step_ms"] + NEAR_MS
        assert max(law["nearest_ms"]) <= allowed, law

    def test_each_fault_strikes_as_often_as_was_asked_and_no_other_does(self, seen):
        for fault, counted in seen["faults"].items():
            if "beyond" in counted:  # of some kernels' netem, which is found out and said
                assert fault == "duplicate", counted
                assert "`duplicate` takes the backend fabric" in counted["beyond"]
                continue
            sent = counted.pop("sent")
            for name, count in counted.items():
                if name == fault:
                    low, high = binomial_interval(count, sent, confidence=0.999)
                    assert low <= 0.1 <= high, (fault, counted)
                elif fault != "corrupt":  # which may strike a packet's number, or when it was sent
                    assert count == 0, (fault, counted)

    def test_an_end_is_cut_off_and_joined_again(self, seen):
        wanted = {"cut": 0, "other": 10, "joined": 10, "second": 0, "healed": 10}
        assert seen["cutting"] == wanted

    def test_what_loses_everything_can_be_taken_away_by_the_same_means(self, seen):
        assert seen["all_lost"] == {"lost": 0, "after": 20}

    def test_what_is_shown_is_what_was_asked(self, seen):
        for pair, (asked, shown) in seen["shown"].items():
            assert shown == asked, pair
