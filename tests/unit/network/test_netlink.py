"""Netlink's messages, by bytes that a kernel (6.18, little endian) has sent."""

from __future__ import annotations

import errno
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.agent.attributes import (
    attribute,
    attribute_of,
    attributes,
    nested,
    text_attribute,
    text_of,
)
from fogbed.network.agent.netlink import Answer, NetlinkError, messages, refusal
from fogbed.network.agent.tc_reading import read
from fogbed.plan.tc import Egress, Leaf, TcPeer, plan_tc

# netlink has the machine's byte order, and what is compared was recorded on such a one; every other
# machine runs test_rtnetlink and test_tc against its own kernel
pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="bytes of a little-endian kernel")

DONE = "240000000200000101000000555800000000000058000000100005060100000000000000"
NO_DEVICE = "24000000020000010400000055580000edffffff2c000000120001000400000000000000"
NO_PARENT = (
    "44000000020000030500000055580000eaffffff640000002c000506050000000000000020000100"
    "506172656e7420516469736320646f65736e27742065786973747300"
)
FILTERS = (
    "340000002c0002000d0000005558000000000000030000000000000000006bf00800010008000100"
    "7533320008000b0000000000400000002c0002000d00000055580000000000000300000000001000"
    "00006bf008000100080001007533320008000b00000000000c000200080004000001000074000000"
    "2c0002000d0000005558000000000000030000000200100000006bf0080001000800010075333200"
    "08000b0000000000400002002400050001000100000000000000000000000000ffffffff0a010001"
    "100000000000000008000200000010000800010000006bf008000b0008000000740000002c000200"
    "0d000000555800000000000003000000000c100000006bf008000100080001007533320008000b00"
    "00000000400002002400050001000100000000000000000000000000ffffff000a01000010000000"
    "0000000008000200000010000800010001006bf008000b0008000000400000002c0002000d000000"
    "555800000000000003000000000000800000 6bf008000100080001007533320008000b0000000000"
    "0c0002000800040001000000740000002c0002000d0000005558000000000000030000000104008000"
    "006bf008000100080001007533320008000b00000000004000020024000500000001000000000000"
    "0010000000ff00ffff00000a01000010000000000000000800020000000080080003000000100008"
    "000b0008000000"
).replace(" ", "")
EGRESS = Egress("v0")
PEER = TcPeer(("10.1.0.0/24",), ("10.1.0.1",), EGRESS, Leaf(octets_per_s=125_000))


def only(recorded):
    (message,) = messages(bytes.fromhex(recorded))
    return message


def test_an_acknowledgement_is_no_refusal():
    _, flags, sequence, body = only(DONE)
    assert sequence == 1
    assert refusal(flags, body) == (0, "")


def test_a_refusal_has_its_number_and_the_kernel_s_words():
    _, flags, _, body = only(NO_DEVICE)
    assert refusal(flags, body) == (errno.ENODEV, "")
    _, flags, _, body = only(NO_PARENT)
    assert refusal(flags, body) == (errno.EINVAL, "Parent Qdisc doesn't exists")
    assert str(NetlinkError(*refusal(flags, body))) == (
        "[Errno 22] Invalid argument: Parent Qdisc doesn't exists"
    )


class Recorded:
    """Answers as the kernel did: filters that were recorded, nothing else."""

    def dump(self, kind, _body):
        if kind != 46:
            return []
        return [Answer(kind, body) for kind, _, _, body in messages(bytes.fromhex(FILTERS))]


def test_filters_are_read_back_as_they_were_planned():
    reading = read(Recorded(), 3, EGRESS)
    planned = plan_tc([PEER])["v0"]
    assert reading.device.filters == planned.filters
    assert reading.device.tables == planned.tables
    assert reading.hits == {}  # this kernel does not count
    assert reading.odd == ()
    assert not reading.is_whole()  # a filter to a class that is not there


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=6))
def test_attributes_are_read_as_they_are_written(given_ones):
    data = b"".join(attribute(kind, payload) for kind, payload in given_ones)
    assert attributes(data) == dict(given_ones)
    assert attributes(b"head" + data, 4) == dict(given_ones)
    assert attributes(nested(5, data)) == {5: data}
    for kind in {0x3FFF, *(kind for kind, _ in given_ones)}:
        first = next((payload for each, payload in given_ones if each == kind), b"")
        assert attribute_of(b"head" + data, 4, kind) == first


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_to_its_end(data):
    attributes(data)
    attribute_of(data, 0, 7)
    for _, _, _, body in messages(data):
        attributes(body)


def test_a_string_ends_at_its_zero():
    assert attributes(text_attribute(3, "eth0"))[3] == b"eth0\0"
    assert text_of(b"eth0\0\0junk") == "eth0"
    assert struct.unpack_from("=HH", text_attribute(3, "eth0")) == (9, 3)
