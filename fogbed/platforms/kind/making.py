"""A kind cluster comes to be, or is left without a trace; one that sleeps is woken."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace

from fogbed.clients.kind.command import KindFailed
from fogbed.clients.kind.containers import NodeContainer
from fogbed.clients.kind.words import KindStep
from fogbed.clients.progress import Progress
from fogbed.errors import CommandError, Interrupted, PlatformError
from fogbed.files import write_whole
from fogbed.plan.kind import host_names, plan_kind, registry_files, render_kind
from fogbed.platforms.kind.record import KindRecord, write_record
from fogbed.platforms.kind.refusals import explain
from fogbed.platforms.kind.site import Site
from fogbed.platforms.kubernetes.nodes import wait_until_heard
from fogbed.signals import shielded

_HEARD_S = 120.0
_TOLD = 4000  # letters of kind's own words that an error shows; all of them are in the log


def make(site: Site, record: KindRecord, progress: Progress) -> None:
    """Have kind make the cluster, and keep its record.

    What is half made when it fails, or is interrupted, is deleted.

    Raises:
        PlatformError: kind could not, with the cause as far as it is known.
        Interrupted: Ctrl-C or SIGTERM.
    """
    testbed, owner, image = site.testbed, record.owner, site.image
    record = replace(record, config=plan_kind(testbed, image=image, owner=owner), is_whole=False)
    write_record(site.folder, record)
    write_whole(site.config, render_kind(testbed, image=image, owner=owner))
    site.kubeconfig.unlink(missing_ok=True)  # kind would add to it
    try:
        _create(site, progress)
    except KindFailed as error:
        failure = _diagnosis(site, error)
        _clean_up(site, progress)
        raise failure from error
    except KeyboardInterrupt:
        progress.note("interrupted: the cluster that is half made is deleted")
        with shielded():
            _clean_up(site, progress)
        raise Interrupted("interrupted; no cluster was left") from None
    except BaseException:
        _clean_up(site, progress)
        raise
    site.write_kubeconfig()
    starts = _in_order(site.containers())
    write_record(site.folder, replace(record, is_whole=True, starts=starts))


def _create(site: Site, progress: Progress) -> None:
    with ExitStack() as under_way:

        def heed(step: KindStep) -> None:
            under_way.close()
            if step.state == "begun":
                under_way.enter_context(progress.step(f"kind: {step.what}"))

        site.kind.create(site.config, site.kubeconfig, heed)


def _diagnosis(site: Site, error: KindFailed) -> PlatformError:
    """Return what went wrong, from kind's words and the nodes'; all of them are kept."""
    heard = error.details or ""
    try:
        logs = {each.name: site.engine.last_words(each.name) for each in site.containers()}
    except CommandError as silent:  # it may be the engine that has failed
        logs = {site.engine.name: silent.details or silent.message}
    parts = [f"== kind\n{heard}", *(f"== {name}\n{text}" for name, text in logs.items())]
    write_whole(site.log, "\n\n".join(parts) + "\n", mode=0o600)
    known = explain(
        heard, engine=site.engine.name, image=site.image_told, logs="\n".join(logs.values())
    )
    everything = f"everything that kind and its nodes said: {site.log}"
    if known is None:
        return PlatformError(error.message, hint=everything, details=heard[-_TOLD:])
    return PlatformError(known[0], hint=f"{known[1]}; {everything}", details=heard[-_TOLD:])


def _clean_up(site: Site, progress: Progress) -> None:
    """Delete what is half made; a failure of that is told, and the next ``up`` tries again."""
    try:
        site.kind.end_leftovers()
        if site.containers():
            delete(site, progress)
    except CommandError as error:
        why = f": {error.details.splitlines()[-1]}" if error.details else ""
        progress.note(f"what was half made could not be deleted ({error.message}{why})")


def delete(site: Site, progress: Progress) -> None:
    """Delete all of the cluster that is there; CommandError if something stays."""
    with progress.step(f"kind deletes the cluster {site.name}"):
        site.kind.delete(site.kubeconfig)
    site.kubeconfig.unlink(missing_ok=True)


def wake(
    site: Site, record: KindRecord, containers: Collection[NodeContainer], progress: Progress
) -> None:
    """Start the nodes that are stopped, as after a reboot.

    In the order in which they got their addresses, so that each gets its own again.
    """
    asleep = {each.name for each in containers if not each.is_running}
    for name in sorted(asleep, key=lambda each: _rank(record, each)):
        with progress.step(f"node {_told_as(site, name)} is started again"):
            site.engine.start(name)
    if asleep or not site.kubeconfig.exists():
        site.write_kubeconfig()
    if asleep:
        hosts = host_names(site.testbed)
        wait_until_heard(site.access, hosts, progress, timeout_s=_HEARD_S)


def point_to_mirrors(site: Site) -> None:
    """Have every node fetch images from the testbed's mirrors of registries."""
    wanted = registry_files(site.testbed)
    for each in site.containers() if wanted else ():
        there = site.engine.texts(each.name, wanted)
        for path, text in wanted.items():
            if there.get(path) != text:
                site.engine.put(each.name, path, text)


def _told_as(site: Site, container: str) -> str:
    own = {host: name for name, host in host_names(site.testbed).items()}
    return own.get(container, container)


def _rank(record: KindRecord, container: str) -> int:
    starts = record.starts
    return starts.index(container) if container in starts else len(starts)


def _in_order(containers: Collection[NodeContainer]) -> tuple[str, ...]:
    """Return the containers' names by their addresses."""

    def number(container: NodeContainer) -> int:
        return int(ipaddress.ip_address(container.address)) if container.address else 0

    return tuple(each.name for each in sorted(containers, key=number))
