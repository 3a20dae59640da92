"""What an API server says when it refuses, as sentences with a way out: the one place of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from fogbed.clients.kube_access import KubeAccess
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

_CLUSTER = "is the cluster up? fogbed doctor looks"
_OTHER_CLUSTER = (
    "the context is another cluster's, or the cluster was made anew: "
    "fetch its kubeconfig again (fogbed up does, where it made the cluster)"
)
_UNAUTHORIZED, _TOO_MANY, _UNAVAILABLE, _TIMED_OUT = 401, 429, 503, 504
# etcd's words of a slow disk or of an election (its errors.go), which come with status 500; "mvcc:
# database space exceeded" is none of them, for it stays
_STORE_IS_SLOW = re.compile(
    r"etcdserver: (request timed out|leader changed|no leader|too many requests|server stopped)"
)

# what the API server's sentence contains, and the way out; the first that fits counts
_WAYS_OUT = (
    (
        r"exceeded quota: (?P<quota>[^,]+)",
        (
            "raise the ResourceQuota {quota} of the namespace, or give the testbed less "
            "(kubectl describe quota --all-namespaces shows what is used)"
        ),
    ),
    (
        r'violates PodSecurity "(?P<level>[^":]+)',
        (
            "the namespace admits {level} pods only: let fogbed make the namespace, or have its "
            "label pod-security.kubernetes.io/enforce changed by the cluster's administrator"
        ),
    ),
    (r"being terminated", "it is being deleted: wait until it has gone, then try again"),
    (
        r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<what>[^"]*)"',
        (
            "have the cluster's administrator allow it: {user} needs the right to {verb} {what} "
            "(kubectl auth can-i --list shows what it may), or use a context of another user"
        ),
    ),
    (
        r"admission webhook",
        "a policy of the cluster refuses it: its administrator can make an exception",
    ),
    (
        r'namespaces "(?P<namespace>[^"]+)" not found',
        "the namespace {namespace} is not there; fogbed up makes it",
    ),
    (
        # what deleting it would take is all that the store holds
        r"(?is)persistentvolume.*(immutable|can not be less|be resized)",
        (
            "a volume stays as it was made, or grows where its storage class lets it: write its "
            "size and storage class, or the rest of its service, as they were; to begin anew "
            "without its data: fogbed down --everything, then fogbed up"
        ),
    ),
    (
        r"immutable|updates to .* are forbidden|spec is immutable",
        "this cannot be changed in place: delete the object, then fogbed up makes it anew",
    ),
)
_TLS = (
    (
        "certificate has expired",
        "has a certificate that has expired",
        "renew the cluster's certificates (kubeadm certs renew all, on each control-plane node)",
    ),
    (
        "not yet valid",
        "has a certificate that is not valid yet",
        "is this computer's clock right? timedatectl tells",
    ),
    (
        "mismatch",
        "has a certificate for other names than this address",
        "use an address that the certificate has, or tls-server-name in the kubeconfig",
    ),
    (
        "certificate verify failed",
        "has a certificate of another authority than the kubeconfig's",
        _OTHER_CLUSTER,
    ),
    ("WRONG_VERSION_NUMBER", "does not speak TLS", "is its port the API server's?"),
)

_BROKEN_OFF = ("EOF occurred", "UNEXPECTED_EOF", "Connection reset", "timed out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who was asked, and as whom: ``certificate`` is the user's (PEM), if it has one."""

    access: KubeAccess
    server: str
    certificate: bytes = b""

    @property
    def source(self) -> str:
        """The kubeconfig, and the context that was asked for."""
        context = f" (context {self.access.context})" if self.access.context else ""
        return f"{self.access.kubeconfig}{context}"


def refusal(
    status: int, reason: object, body: object, *, peer: Peer, about: str = ""
) -> ServiceError:
    """Return the error for an answer that is none: HTTP status, its reason, the body's message.

    ``about``: the object that was asked for, as ``Deployment namespace/name``.
    """
    said = _said(body) or str(reason or "")
    if status == 0:
        return _no_trust(said, peer)
    if status == _UNAUTHORIZED:
        return _unknown_user(peer)
    subject = f"{about}: the API server" if about else "the API server"
    if status in {_TOO_MANY, _UNAVAILABLE, _TIMED_OUT} or _STORE_IS_SLOW.search(said):
        return ServiceBusyError(
            f"{subject} cannot answer now: {said} ({status})", hint="try again in a moment"
        )
    shown = said if _said(body) else f"{status} {said}"
    return ServiceError(f"{subject} refused: {shown}", hint=way_out(said))


def way_out(said: str) -> str | None:
    """Return what helps against a refusal of the API server or its controllers, by its words."""
    for pattern, text in _WAYS_OUT:
        if found := re.search(pattern, said):
            return text.format(**found.groupdict())
    return None


def no_connection(error: BaseException, *, peer: Peer) -> ServiceError:
    """Return the error for a connection that could not be made, or broke."""
    from urllib3.exceptions import ReadTimeoutError, SSLError  # noqa: PLC0415

    if isinstance(error, SSLError):
        return _no_trust(str(error), peer)
    if isinstance(error, ReadTimeoutError):
        return ServiceBusyError(f"the API server {peer.server} gave no answer in time")
    return ServiceAwayError(
        f"the API server {peer.server} does not answer: {_cause(error)}", hint=_CLUSTER
    )


def _unknown_user(peer: Peer) -> ServiceError:
    ended = _ended(peer.certificate)
    if ended:
        return ServiceError(
            f"the certificate of the user in {peer.source} has expired, on {ended}",
            hint="fetch a new kubeconfig: fogbed up does, where it made the cluster; "
            "else its administrator has one, and fogbed up takes it from yours",
        )
    return ServiceError(
        f"the API server {peer.server} does not know the user of {peer.source}: 401 Unauthorized",
        hint=f"its credentials have expired (where kubectl is let in, fogbed up takes over the "
        f"ones it has), or {_OTHER_CLUSTER}",
    )


def _no_trust(said: str, peer: Peer) -> ServiceError:
    if any(part in said for part in _BROKEN_OFF):
        # it, or what stands before it, goes down while hands are shaken
        return ServiceAwayError(
            f"the API server {peer.server} does not answer: the connection was closed",
            hint=_CLUSTER,
        )
    for part, what, hint in _TLS:
        if part in said:
            return ServiceError(
                f"the API server {peer.server} of {peer.source} {what}", hint=hint, details=said
            )
    return ServiceError(
        f"no safe connection to the API server {peer.server} of {peer.source}",
        hint=_OTHER_CLUSTER,
        details=said,
    )


def _ended(certificate: bytes) -> str:
    """Return the day on which a certificate ended (UTC); empty where it has not, or is unread."""
    import datetime as dt  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415 - kr8s brings it

    if not certificate:
        return ""
    try:
        ends = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return ""
    return f"{ends:%Y-%m-%d %H:%M} UTC" if ends < dt.datetime.now(dt.UTC) else ""


def _said(body: object) -> str:
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    try:
        answer = json.loads(str(body or ""))
    except ValueError:
        return ""
    return str(answer.get("message") or "") if isinstance(answer, dict) else ""


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    # urllib3 wraps what the socket said
    while getattr(reason, "args", ()) and isinstance(reason.args[-1], BaseException):
        reason = reason.args[-1]
    said = str(reason).rpartition(": ")[2] or str(reason)
    return re.sub(r"^\[Errno -?\d+\] ", "", said)
