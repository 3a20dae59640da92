"""What a store of objects answers when it cannot do what it was asked, in words with a way out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from fogbed.errors import ServiceError

T = TypeVar("T")

_EVERY_S = 0.5
_GONE = {"NoSuchKey": "object", "NoSuchUpload": "upload"}
_UNKNOWN = (
    "{where} does not know these credentials",
    "`fogbed up` gives a testbed's store its user again; see the Secret of a store of your own",
)
_FULL = (
    "{where} is full",
    "give it more room (services.minio.size), or delete old datasets and output there",
)
_REFUSALS = {
    "NoSuchBucket": (
        "{where} does not exist",
        "`fogbed up` makes a testbed's bucket; of a store of your own, make it there",
    ),
    "InvalidAccessKeyId": _UNKNOWN,
    "SignatureDoesNotMatch": _UNKNOWN,
    "XMinioInvalidIAMCredentials": _UNKNOWN,
    "AccessDenied": (
        "{where} refuses what these credentials ask for",
        "they need the right to list, read, write and delete in this bucket",
    ),
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "QuotaExceeded": _FULL,
    "RequestTimeTooSkewed": (
        "the clock of {where} and that of this computer are more than 15 minutes apart",
        "set both by NTP",
    ),
}
_LATER = {
    *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"),
    *("XMinioServerNotInitialized", "SlowDownRead", "SlowDownWrite", "OperationAborted"),
    *("XMinioReadQuorum", "XMinioWriteQuorum", "XMinioBackendDown"),
}
_SERVER_ERROR = 500
_CODE = re.compile(r'"Code"\s*:\s*"(\w+)"|<Code>(\w+)</Code>')


class NothingThereError(ServiceError):
    """The store has no such object or upload."""


class UnsettledError(ServiceError):
    """The store cannot answer now, and may in a moment."""


def asked(call: Callable[[], T], where: str, *, patience_s: float) -> T:
    """Return what ``call`` gives; what may pass (a pod that moves) is tried for ``patience_s``.

    ``where`` names the store and bucket in messages.

    Raises:
        NothingThereError: there is no such thing.
        ServiceError: the store refused, or did not answer.
    """
    from minio.error import MinioAdminException, MinioException  # noqa: PLC0415 - slow to load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    end = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except (MinioException, MinioAdminException, HTTPError) as error:
            told = _told(error, where)
            if not isinstance(told, UnsettledError) or time.monotonic() >= end:
                raise told from error
        time.sleep(_EVERY_S)


def _told(error: Exception, where: str) -> ServiceError:
    code, status = _code_of(error), _status_of(error)
    if code in _GONE:
        return NothingThereError(f"{where} has no such {_GONE[code]}")
    if code in _REFUSALS:
        message, hint = _REFUSALS[code]
        return ServiceError(f"{message.format(where=where)} ({code})", hint=hint)
    return _other(error, code, status, where)


def _other(error: Exception, code: str | None, status: int | None, where: str) -> ServiceError:
    what = code or (f"HTTP {status}" if status else None)
    if what is None:
        return UnsettledError(
            f"no answer from {where}",
            hint="see with `fogbed status` that the store runs and can be reached",
            details=str(error),
        )
    later = code in _LATER or (status or 0) >= _SERVER_ERROR
    kind = UnsettledError if later else ServiceError
    hint = "see `fogbed logs` of the store" if later else None
    return kind(f"{where} answered with {what}", details=_details(error), hint=hint)


def _details(error: Exception) -> str | None:
    message = getattr(error, "message", None)
    return message if isinstance(message, str) else None


def _code_of(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return code
    # the administrator's interface has the answer in its text
    found = _CODE.search(str(error)) if type(error).__name__ == "MinioAdminException" else None
    return (found[1] or found[2]) if found else None


def _status_of(error: Exception) -> int | None:
    for name in ("status_code", "_code"):
        status = getattr(error, name, None)
        if isinstance(status, int) or (isinstance(status, str) and status.isdecimal()):
            return int(status)
    return None
