"""What a store's refusals are called, each with its way out."""

from __future__ import annotations

import pytest
from minio.error import InvalidResponseError, MinioAdminException, S3Error, ServerError
from urllib3.exceptions import MaxRetryError, ProtocolError

from fogbed.clients import object_answers
from fogbed.clients.object_answers import NothingThereError, UnsettledError, asked
from fogbed.errors import ServiceError

APART = "more than 15 minutes apart"
WHERE = "bucket b of the store at http://s"


def s3(code: str) -> S3Error:
    return S3Error(None, code, f"what {code} means", "/b", "1", "2")


@pytest.mark.parametrize(
    ("error", "kind", "message", "hint"),
    [
        (s3("NoSuchKey"), NothingThereError, f"{WHERE} has no such object", ""),
        (s3("NoSuchUpload"), NothingThereError, f"{WHERE} has no such upload", ""),
        (s3("NoSuchBucket"), ServiceError, f"{WHERE} does not exist (NoSuchBucket)", "fogbed up"),
        (
            s3("SignatureDoesNotMatch"),
            ServiceError,
            f"{WHERE} does not know these credentials (SignatureDoesNotMatch)",
            "Secret",
        ),
        (
            MinioAdminException("403", '{"Code":"InvalidAccessKeyId","Message":"x"}'),
            ServiceError,
            f"{WHERE} does not know these credentials (InvalidAccessKeyId)",
            "Secret",
        ),
        (
            s3("AccessDenied"),
            ServiceError,
            f"{WHERE} refuses what these credentials ask for (AccessDenied)",
            "right to list",
        ),
        (
            s3("XMinioStorageFull"),
            ServiceError,
            f"{WHERE} is full (XMinioStorageFull)",
            "services.minio.size",
        ),
        (
            s3("RequestTimeTooSkewed"),
            ServiceError,
            f"the clock of {WHERE} and that of this computer are {APART} (RequestTimeTooSkewed)",
            "NTP",
        ),
        (s3("SlowDown"), UnsettledError, f"{WHERE} answered with SlowDown", "fogbed logs"),
        (s3("InvalidPart"), ServiceError, f"{WHERE} answered with InvalidPart", ""),
        (ServerError("x", 503), UnsettledError, f"{WHERE} answered with HTTP 503", "fogbed logs"),
        (
            InvalidResponseError(404, "text/html", "not a store"),
            ServiceError,
            f"{WHERE} answered with HTTP 404",
            "",
        ),
        (ProtocolError("gone"), UnsettledError, f"no answer from {WHERE}", "fogbed status"),
        (
            MaxRetryError(None, "http://s", OSError("refused")),
            UnsettledError,
            f"no answer from {WHERE}",
            "fogbed status",
        ),
    ],
    ids=lambda value: getattr(value, "code", None) or type(value).__name__,
)
def test_a_refusal_is_a_sentence_with_a_way_out(error, kind, message, hint):
    def call():
        raise error

    with pytest.raises(ServiceError) as caught:
        asked(call, WHERE, patience_s=0)
    assert type(caught.value) is kind
    assert caught.value.message == message
    assert hint in (caught.value.hint or "")


def test_what_passes_is_waited_for_and_what_does_not_is_not(monkeypatch):
    monkeypatch.setattr(object_answers, "_EVERY_S", 0.0)
    answers = [ProtocolError("gone"), s3("SlowDown"), "there", s3("AccessDenied")]

    def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asked(call, WHERE, patience_s=60) == "there"
    with pytest.raises(ServiceError, match="AccessDenied"):
        asked(call, WHERE, patience_s=60)
    assert answers == []
