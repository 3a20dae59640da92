"""Prometheus's remote-write receiver, protocol 1.0: figures that are handed over, not scraped."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import requests

from fogbed.clients.series import Series
from fogbed.clients.sessions import HoldsSession
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

_TIMEOUT_S = 5.0
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "fogbed",
}
_SAID = 500  # characters
_SERVER_ERROR = 500
# times that it does not take, whatever status it gives them: before 2.50 one that asks to try again
_NOT_ITS_TIME = ("out of bounds", "too old sample")
_CLOCKS_APART_S = 60.0
# of Prometheus's prompb/types.proto: fields are numbered from 1 in this order
_MESSAGES = {
    "Label": {"name": "STRING", "value": "STRING"},
    "Sample": {"value": "DOUBLE", "timestamp": "INT64"},
    "TimeSeries": {"labels": "Label", "samples": "Sample"},
    "WriteRequest": {"timeseries": "TimeSeries"},
}


class RemoteWriter(HoldsSession):
    """A Prometheus that takes what it is given, by its URL (``http://127.0.0.1:9090``).

    It must run with ``--web.enable-remote-write-receiver``. ``session`` may be given to put another
    transport under it.
    """

    def __init__(
        self, url: str, session: requests.Session | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        super().__init__(session)
        self.url = url.rstrip("/") + "/api/v1/write"
        self._timeout_s = timeout_s

    def push(self, series: Iterable[Series]) -> None:
        """Hand series over; samples of one must be newer than all that were handed over before.

        What was taken already and comes again as it was is no error.

        Raises:
            ServiceAwayError: nobody listens there.
            ServiceBusyError: it gave no answer in time, or cannot take it now: worth another try.
            ServiceError: it refused; the error says what it said, and the same is refused again.
        """
        try:
            answer = self._session.post(
                self.url,
                data=encode(series),
                headers=_HEADERS,
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            kind = ServiceBusyError if isinstance(error, requests.Timeout) else ServiceAwayError
            raise kind(
                f"POST {self.url}: no answer from Prometheus",
                hint="`fogbed status` shows whether it runs",
                details=str(error)[:_SAID],
            ) from error
        if not 200 <= answer.status_code < 300:  # noqa: PLR2004 - what HTTP calls success
            raise self._refusal(answer)

    def _refusal(self, answer: requests.Response) -> ServiceError:
        what = " ".join(answer.text.split())[:_SAID] or "and said nothing"
        message = f"POST {self.url} was answered with {answer.status_code}: {what}"
        if any(each in what for each in _NOT_ITS_TIME):
            return ServiceError(message + _clocks_apart(answer))
        if answer.status_code >= _SERVER_ERROR or answer.status_code == requests.codes.too_many:
            return ServiceBusyError(message)
        hint = None
        if answer.status_code == requests.codes.not_found:
            hint = "start that Prometheus with --web.enable-remote-write-receiver"
        return ServiceError(message, hint=hint)


def _clocks_apart(answer: requests.Response) -> str:
    """Say how far the receiver's clock is from ours, "" where it is not far or not known."""
    try:
        off_s = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return ""
    if abs(off_s) < _CLOCKS_APART_S:
        return ""
    way = "ahead of" if off_s > 0 else "behind"
    return f"; its clock is {abs(off_s):.0f} s {way} this computer's: keep both in time"


def encode(series: Iterable[Series]) -> bytes:
    """Return a WriteRequest of protocol 1.0, compressed as the receiver takes it."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    request = write_request()()
    for each in series:
        row = request.timeseries.add()
        for name, value in each.labels:
            row.labels.add(name=name, value=value)
        for at, figure in each.samples:
            row.samples.add(value=figure, timestamp=round(at * 1000))
    packed: bytes = pa.compress(request.SerializeToString(), codec="snappy", asbytes=True)
    return packed


@cache
def write_request() -> Any:  # noqa: ANN401 - protobuf makes the class when it runs
    """Return the message class WriteRequest of ``prometheus.WriteRequest``, as far as we use it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

    file = descriptor_pb2.FileDescriptorProto(
        name="fogbed/remote_write.proto", package="fogbed.remote_write", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            added = described.field.add(name=field, number=number)
            if kind in _MESSAGES:
                added.type, added.label = added.TYPE_MESSAGE, added.LABEL_REPEATED
                added.type_name = f".{file.package}.{kind}"
            else:
                added.type, added.label = getattr(added, f"TYPE_{kind}"), added.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{file.package}.WriteRequest")
    )
