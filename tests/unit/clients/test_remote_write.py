"""What goes over the wire to Prometheus's receiver, and what is said when it is not taken."""

from __future__ import annotations

import struct
import time
from email.utils import formatdate

import pyarrow as pa
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.remote_write import RemoteWriter, encode, write_request
from fogbed.clients.series import NAME, STALE, Series, joined, labels_of
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TIMES = st.integers(0, 2**41).map(lambda ms: ms / 1000)
SERIES = st.builds(
    Series,
    st.dictionaries(NAMES, st.text(max_size=12)).map(labels_of),
    st.lists(st.tuples(TIMES, st.floats(allow_nan=False)), max_size=5).map(tuple),
)
ONE = [Series(labels_of({NAME: "fogbed_x", "node": "a"}), ((1.5, 2.0),))]


def unpacked(body: bytes) -> bytes:
    """Undo snappy's raw block format: its length comes first, seven bits to a byte."""
    length, shift = 0, 0
    for byte in body:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return bytes(pa.decompress(body, decompressed_size=length, codec="snappy", asbytes=True))


@given(st.lists(SERIES, max_size=5))
def test_what_is_encoded_is_read_back_by_the_protocol(series):
    message = write_request()()
    message.ParseFromString(unpacked(encode(series)))
    read = [
        Series(
            tuple((label.name, label.value) for label in row.labels),
            tuple((sample.timestamp / 1000, sample.value) for sample in row.samples),
        )
        for row in message.timeseries
    ]
    assert read == series


def test_bytes_are_those_of_the_protocol():
    # WriteRequest {1: TimeSeries {1: Label {1: name, 2: value}, 2: Sample {1: f64, 2: varint}}}
    label = b"\x0a\x01a\x12\x01b"
    sample = b"\x09" + struct.pack("<d", 2.0) + b"\x10\xdc\x0b"
    row = b"\x0a" + bytes([len(label)]) + label + b"\x12" + bytes([len(sample)]) + sample
    whole = b"\x0a" + bytes([len(row)]) + row
    assert unpacked(encode([Series((("a", "b"),), ((1.5, 2.0),))])) == whole


def test_a_staleness_marker_keeps_its_bits():
    body = unpacked(encode([Series((("a", "b"),), ((0.0, STALE),))]))
    assert (0x7FF0000000000002).to_bytes(8, "little") in body


@given(st.dictionaries(NAMES, st.text(max_size=3)))
def test_labels_are_sorted_and_empty_ones_left_out(labels):
    found = labels_of(labels)
    assert list(found) == sorted(found)
    assert dict(found) == {name: value for name, value in labels.items() if value}


def test_parts_of_a_series_become_one():
    a, b = labels_of({"n": "a"}), labels_of({"n": "b"})
    parts = [Series(a, ((1, 1.0),)), Series(b, ((1, 2.0),)), Series(a, ((2, 3.0),))]
    assert joined(parts) == [Series(a, ((1, 1.0), (2, 3.0))), Series(b, ((1, 2.0),))]


class Answering(requests.Session):
    def __init__(self, status: int, text: str, *, clock_s: float = 0.0) -> None:
        super().__init__()
        self.status, self.text = status, text
        self.date = formatdate(time.time() + clock_s, usegmt=True)

    def post(self, url, **_kwargs):
        answer = requests.Response()
        answer.status_code, answer.url = self.status, url
        answer._content = self.text.encode()
        answer.headers["Date"] = self.date
        return answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ServiceError),
        (404, ServiceError),
        (302, ServiceError),
        (429, ServiceBusyError),
        (500, ServiceBusyError),
        (503, ServiceBusyError),
    ],
)
def test_a_refusal_names_the_receiver_and_what_it_said(status, kind):
    writer = RemoteWriter("http://prom:9090/", Answering(status, "out of order\nsample\n"))
    with pytest.raises(ServiceError) as caught:
        writer.push(ONE)
    assert type(caught.value) is kind
    expected = f"http://prom:9090/api/v1/write was answered with {status}: out of order sample"
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("clock_s", "said"),
    [(0, ""), (1800, "ahead of this computer's"), (-1800, "behind this computer's")],
)
def test_of_a_time_that_is_not_taken_it_is_said_whose_clock_is_off(clock_s, said):
    """Before 2.50 the status asks for another try (prometheus/prometheus#13334)."""
    session = Answering(500, "too old sample", clock_s=clock_s)
    with pytest.raises(ServiceError) as caught:
        RemoteWriter("http://prom:9090", session).push(ONE)
    assert type(caught.value) is ServiceError
    assert said in caught.value.message
    assert ("its clock" in caught.value.message) == bool(said)


def test_a_receiver_that_is_off_is_told_with_the_way_out():
    with pytest.raises(ServiceError) as caught:
        RemoteWriter("http://prom:9090", Answering(404, "remote write receiver ...")).push(ONE)
    assert caught.value.hint is not None
    assert "--web.enable-remote-write-receiver" in caught.value.hint


def test_what_is_taken_raises_nothing():
    RemoteWriter("http://prom:9090", Answering(204, "")).push(ONE)


def test_nobody_listening_is_told_with_the_address():
    with RemoteWriter("http://127.0.0.1:9") as writer, pytest.raises(ServiceAwayError) as caught:
        writer.push(ONE)
    assert "http://127.0.0.1:9/api/v1/write: no answer" in caught.value.message
