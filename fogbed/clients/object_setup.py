"""What a store of a testbed's own is given: a bucket, its lifecycle, and a user for it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fogbed.clients.object_answers import asked
from fogbed.errors import UsageError

if TYPE_CHECKING:
    from minio import Minio, MinioAdmin
    from urllib3 import PoolManager

SAVEPOINTS = "savepoints/"
"""What old savepoints' keys begin with."""
_RULE = "fogbed-savepoints"
_PATIENCE_S = 40.0
_CONNECT_S, _READ_S = 5.0, 60.0
_CONNECTIONS = 10


def open_api(endpoint: str, access_key: str, secret_key: str) -> Minio:
    """Return a client of the store at a URL; nothing is asked of it yet.

    Raises:
        UsageError: it is not the URL of a store.
    """
    from minio import Minio  # noqa: PLC0415 - slow to load

    host, is_secure = _host(endpoint)
    return Minio(
        host,
        access_key=access_key,
        secret_key=secret_key,
        secure=is_secure,
        http_client=_connections(),
    )


def provision(  # noqa: PLR0913 - the signature other parts agreed on
    endpoint: str,
    root_user: str,
    root_password: str,
    *,
    bucket: str,
    access_key: str,
    secret_key: str,
    savepoint_days: int,
) -> None:
    """Make the bucket, have it drop old savepoints, and a user with rights on it alone.

    What is there already is put right and keeps its data; lifecycle rules of others stay.
    ``savepoint_days`` is at least 1.

    Raises:
        ServiceError: the store did not answer, or refused.
    """
    store = open_api(endpoint, root_user, root_password)
    admin = _admin(endpoint, root_user, root_password)
    policy = f"fogbed-{bucket}"
    where = f"the store at {endpoint}"
    steps: tuple[Callable[[], Any], ...] = (
        lambda: _make_bucket(store, bucket),
        lambda: _drop_savepoints(store, bucket, max(1, savepoint_days)),
        lambda: admin.policy_add(policy, policy=bucket_policy(bucket)),
        lambda: admin.user_add(access_key, secret_key),
        # not attach_policy, which refuses what is so already
        lambda: admin.policy_set(policy, user=access_key),
    )
    for step in steps:
        asked(step, where, patience_s=_PATIENCE_S)


def bucket_policy(bucket: str) -> dict[str, Any]:
    """Return the policy of a user who may do what Flink and fogbed do in a bucket, and no more."""
    of_bucket = ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")
    of_objects = ("GetObject", "PutObject", "DeleteObject")
    of_uploads = ("ListMultipartUploadParts", "AbortMultipartUpload")
    name = f"arn:aws:s3:::{bucket}"
    statements = ((of_bucket, name), (of_objects + of_uploads, f"{name}/*"))
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": [f"s3:{each}" for each in actions], "Resource": [what]}
            for actions, what in statements
        ],
    }


def _make_bucket(store: Minio, bucket: str) -> None:
    from minio.error import S3Error  # noqa: PLC0415 - slow to load

    if store.bucket_exists(bucket):
        return
    try:
        store.make_bucket(bucket)
    except S3Error as error:
        # somebody else's `up` was faster
        if error.code != "BucketAlreadyOwnedByYou":
            raise


def _drop_savepoints(store: Minio, bucket: str, days: int) -> None:
    from minio.commonconfig import ENABLED, Filter  # noqa: PLC0415 - slow to load
    from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule  # noqa: PLC0415

    there = store.get_bucket_lifecycle(bucket)
    rules = there.rules if there is not None else []
    ours = Rule(
        ENABLED,
        rule_filter=Filter(prefix=SAVEPOINTS),
        rule_id=_RULE,
        expiration=Expiration(days=days),
    )
    wanted = [*(rule for rule in rules if rule.rule_id != _RULE), ours]
    store.set_bucket_lifecycle(bucket, LifecycleConfig(wanted))


def _admin(endpoint: str, user: str, password: str) -> MinioAdmin:
    from minio import MinioAdmin  # noqa: PLC0415 - slow to load
    from minio.credentials.providers import StaticProvider  # noqa: PLC0415

    host, is_secure = _host(endpoint)
    return MinioAdmin(
        endpoint=host,
        credentials=StaticProvider(user, password),
        secure=is_secure,
        http_client=_connections(),
    )


def _host(endpoint: str) -> tuple[str, bool]:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
        raise UsageError(
            f"{endpoint} is not the URL of a store", hint="write http://HOST:PORT, without a path"
        )
    return parts.netloc, parts.scheme == "https"


def _connections() -> PoolManager:
    """Return connections that give up soon and never try again: who waits says so itself."""
    import urllib3  # noqa: PLC0415 - slow to load

    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
        maxsize=_CONNECTIONS,
        retries=False,
    )
