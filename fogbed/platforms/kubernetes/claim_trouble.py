"""What keeps a PersistentVolumeClaim from its volume; pure."""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.platforms.kubernetes.judgement import READY, Judgement, hopeless, waiting
from fogbed.platforms.kubernetes.observation import (
    Body,
    Observation,
    count_of,
    describe,
    name_of,
    pods_with_claim,
)

# the class may be made a moment later, and a volume that somebody lets go is had at once
_BOUND_S = 5.0
# of a provisioner that begins at a second between tries, the third has ended in this time
_PROVISIONED_S = 10.0
_TWICE = 2
_REFUSALS = frozenset({"FailedBinding", "VolumeMismatch"})
_LOSSES = frozenset({"ClaimLost", "ClaimMisbound"})
# a volume that is there ends the tries that failed before
_PROVISIONING = frozenset({"ProvisioningFailed", "ProvisioningSucceeded"})


def judge_claim(claim: Body, seen: Observation) -> Judgement:
    """Judge a PersistentVolumeClaim that has no volume."""
    metadata = claim["metadata"]
    events = seen.events_of("PersistentVolumeClaim", metadata["namespace"], metadata["name"])
    if (claim.get("status") or {}).get("phase") == "Lost":
        return _lost(claim, events)
    if not events:
        return waiting("its volume")
    if failed := _unbound(claim, events[-1]) or _provisioning_failed(claim, events):
        return failed
    last, said = events[-1].get("reason"), events[-1].get("message") or ""
    if last == "WaitForFirstConsumer":
        # it is bound when a pod wants it: that nobody does is nothing to wait for
        return waiting("the node of its pod") if pods_with_claim(claim, seen) else READY
    return waiting(f"its volume ({last}: {said})")


def _unbound(claim: Body, event: Body) -> Judgement | None:
    """Judge by the last that was said: that no volume which is there can be the claim's."""
    last, said = event.get("reason"), str(event.get("message") or "")
    if last in _REFUSALS:
        return _no_volume(claim, event, _way_to_bind(claim, said), _BOUND_S)
    if last == "ExternalProvisioning" and "kubernetes.io/no-provisioner" in said:
        hint = f"its class makes no volumes, and none that is there fits: {_classes(claim)}"
        return _no_volume(claim, event, hint, _BOUND_S)
    return None


def _provisioning_failed(claim: Body, events: Sequence[Body]) -> Judgement | None:
    """Judge by the tries to make a volume; in between they say that they are at it again."""
    tries = [event for event in events if event.get("reason") in _PROVISIONING]
    if not tries or tries[-1]["reason"] != "ProvisioningFailed":
        return None
    said = str(tries[-1].get("message") or "")
    if "storageclass" in said and "not found" in said:
        return _no_volume(claim, tries[-1], _classes(claim), _BOUND_S)
    if count_of(event for event in tries if event["reason"] == "ProvisioningFailed") < _TWICE:
        return None
    # the next try may be a quarter of an hour off: a claim that is new is tried at once
    hint = f"{describe(claim)}; when that is mended: {_anew(claim)}"
    return _no_volume(claim, tries[-1], hint, _PROVISIONED_S)


def _no_volume(claim: Body, event: Body, hint: str, patience_s: float) -> Judgement:
    said = str(event.get("message") or "without a word")
    what = f"{name_of(claim)} gets no volume ({event['reason']}): {said}"
    return hopeless("claim", what, hint, patience_s=patience_s)


def _lost(claim: Body, events: Sequence[Body]) -> Judgement:
    told = [event for event in events if event.get("reason") in _LOSSES]
    why = f" ({told[-1]['reason']}): {told[-1].get('message') or ''}".rstrip(": ") if told else ""
    what = f"{name_of(claim)} has lost its volume{why}"
    return hopeless("claim", what, f"its data is gone; {_anew(claim)}")


def _way_to_bind(claim: Body, said: str) -> str:
    volume = (claim.get("spec") or {}).get("volumeName")
    if "no storage class" in said:
        return (
            "the cluster has no default storage class: name one with "
            f"{_setting(claim)} in the testbed's file (kubectl get storageclass)"
        )
    if volume:
        return f"kubectl get pv {volume} shows whose it is and what it offers; {_anew(claim)}"
    return describe(claim)


def _classes(claim: Body) -> str:
    return (
        f"kubectl get storageclass shows which there are; {_setting(claim)} "
        "in the testbed's file names one"
    )


def _setting(claim: Body) -> str:
    """Return where a testbed's file names the class; claims are called as their services."""
    service = "prometheus" if claim["metadata"]["name"] == "prometheus-data" else "minio"
    return f"services.{service}.storage_class"


def _anew(claim: Body) -> str:
    metadata = claim["metadata"]
    delete = f"kubectl delete pvc {metadata['name']} -n {metadata['namespace']}"
    return f"after {delete} fogbed up makes the claim anew"
