"""What is installed on this node's devices: found, changed in place, proved by reading it back.

Devices are known by their index, which a new name does not change. Packed: standard library only,
Python >= 3.9 at run time.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.netlink import Netlink, NetlinkError, Request
from fogbed.network.agent.rtnetlink import Device, links
from fogbed.network.agent.tc_messages import (
    AT_ROOT,
    DELETE_QDISC,
    NEW_QDISC,
    OURS,
    TCMSG,
    netem,
    netem_head,
    request,
)
from fogbed.network.agent.tc_reading import (
    Reading,
    foreign_root,
    has_our_root,
    ours,
    qdiscs,
    read,
    read_some,
)
from fogbed.plan.tc import Egress, Leaf, TcDevice, TcPlan
from fogbed.plan.tc_commands import as_commands
from fogbed.plan.tc_diff import ADD, CHANGE, CLASS, NETEM, ROOT, Operation

_FEW = 64  # changes up to which only what changed is read back
_GONE = {errno.ENODEV, errno.ENOENT, errno.EINVAL}


class Tree:
    """The kernel's side of a plan. ``devices`` is what this process knows to be installed."""

    def __init__(self) -> None:
        self.netlink = Netlink()
        self.devices: dict[int, TcDevice] = {}

    def close(self) -> None:
        """Close the socket; what is installed stays."""
        self.netlink.close()

    def is_intact(self) -> bool:
        """Tell whether every device is there as it was, with our root on it."""
        if not self.devices:
            return False
        there = {device.index: device for device in links(self.netlink)}
        for index, device in self.devices.items():
            now = there.get(index)
            if now is None or (now.name, now.mtu) != (device.egress.name, device.egress.mtu):
                return False
        return all(has_our_root(self.netlink, self.devices))

    def lost(self) -> list[str]:
        """Return the names of devices that are gone, or have our root no more."""
        there = zip(self.devices.values(), has_our_root(self.netlink, self.devices))  # noqa: B905
        return [device.egress.name for device, is_ours in there if not is_ours]

    def find(self, wanted: Mapping[int, Egress]) -> dict[str, TcDevice]:
        """Return what is ours on any device, also by a predecessor that was killed.

        Raises:
            BackendError: another tool shapes on a device that is ``wanted``.
        """
        there = qdiscs(self.netlink)
        for index, egress in sorted(wanted.items()):
            _refuse(foreign_root(there, index), egress)
        names = {device.index: device for device in links(self.netlink)}
        found: dict[int, TcDevice] = {}
        for index in sorted(ours(there) & names.keys()):
            egress = wanted.get(index) or _egress_of(names[index])
            device = self.devices.get(index)
            if device is None:
                device = self._adopt(index, egress)
            if device is not None:
                found[index] = replace(
                    device, egress=replace(device.egress, name=names[index].name)
                )
        self.devices = found
        return {device.egress.name: device for device in found.values()}

    def carry_out(self, operations: Sequence[Operation], indices: Mapping[str, int]) -> None:
        """Have the kernel do it; what was begun of a first install is removed if it refuses.

        Raises:
            BackendError: it refuses; what it had before stays.
        """
        try:
            self.netlink.batch(request(each, indices[each.egress.name]) for each in operations)
        except NetlinkError as error:
            refused = operations[error.position]
            for each in operations:
                if each.what == ROOT and each.verb == ADD and each.egress == refused.egress:
                    self._remove(indices[each.egress.name])
            self.devices = {}  # read anew
            raise BackendError(
                f"{refused.egress.name}: the kernel refuses `tc {as_commands([refused])[0]}`: "
                f"{error.strerror}"
            ) from None

    def prove(self, after: TcPlan, operations: Sequence[Operation], indices: Mapping[str, int],
              swinging: Mapping[tuple[int, int], int]) -> None:  # fmt: skip
        """Read back what was changed, and all of it if much was.

        ``swinging``: by device and minor, the delay that jitter has given a netem by now.

        Raises:
            BackendError: something is not as it was planned.
        """
        small = all(each.what in {CLASS, NETEM} and each.verb == CHANGE for each in operations)
        for name, planned in after.items():
            index = indices[name]
            minors = {each.key for each in operations if each.egress.name == name}
            if small and len(minors) <= _FEW:
                some = read_some(self.netlink, index, planned.egress, minors)
                found = {minor: leaf for minor, (leaf, _) in some.items()}
                expected = {minor: planned.leaves[minor] for minor in minors}
                rest: tuple[str, ...] = ()
            else:
                reading = read(self.netlink, index, planned.egress, flows=False)
                found, expected = dict(reading.device.leaves), dict(planned.leaves)
                rest = (*reading.odd, *_unlike(reading.device, planned))
            for (device, minor), delay in swinging.items():
                if device == index and minor in expected:
                    expected[minor] = replace(expected[minor], delay_ns=delay)
            wrong = [minor for minor in expected.keys() | found.keys()
                     if expected.get(minor) != found.get(minor)]  # fmt: skip
            if wrong or rest:
                self.devices = {}  # read anew
                raise BackendError(_not_as_planned(name, expected, found, sorted(wrong), rest))
        self.devices = {indices[name]: device for name, device in after.items()}

    def readings(self, *, filters: bool = False) -> dict[int, Reading]:
        """Return what the kernel has on the devices that are still ours."""
        there = zip(self.devices.items(), has_our_root(self.netlink, self.devices))  # noqa: B905
        return {
            index: read(self.netlink, index, device.egress, filters=filters)
            for (index, device), is_ours in there
            if is_ours
        }

    def set_netem(self, changes: Iterable[tuple[int, int, Leaf]]) -> None:
        """Change the netem of (device, minor) to a leaf, in place.

        Raises:
            NetlinkError: one is not there any more.
        """
        self.netlink.batch(
            Request(NEW_QDISC, 0, TCMSG.pack(0, index, *netem_head(minor)) + netem(leaf))
            for index, minor, leaf in changes
        )

    def clear(self) -> None:
        """Remove every root with our handle, whoever made it.

        Raises:
            BackendError: the kernel refuses, for another reason than that it has gone.
        """
        for index in sorted(ours(qdiscs(self.netlink))):
            try:
                self._remove(index)
            except NetlinkError as error:
                if error.errno not in _GONE:
                    raise BackendError(f"device {index} cannot be cleared: {error}") from None
        self.devices = {}

    def _adopt(self, index: int, egress: Egress) -> TcDevice | None:
        """Return what is on a device; what a predecessor left half made is removed."""
        reading = read(self.netlink, index, egress)
        if reading.is_whole():
            return reading.device
        self._remove(index)
        return None

    def _remove(self, index: int) -> None:
        self.netlink.do(Request(DELETE_QDISC, 0, TCMSG.pack(0, index, OURS, AT_ROOT, 0)))


def _refuse(other: str, egress: Egress) -> None:
    if other:
        raise BackendError(
            f"{egress.name} has another tool's qdisc at its root: {other}; have that tool let go "
            f"of it, or remove it with `tc qdisc del dev {egress.name} root`"
        )


def _egress_of(device: Device) -> Egress:
    return Egress(device.name, device.mtu)


def _unlike(found: TcDevice, planned: TcDevice) -> list[str]:
    unlike = [] if found.tables == planned.tables else ["tables of filters"]
    if found.filters == planned.filters:
        return unlike
    filters = found.filters.items() ^ planned.filters.items()
    return unlike + [f"filter {handle:x}" for handle in sorted({handle for handle, _ in filters})]


def _not_as_planned(
    name: str,
    expected: Mapping[int, Leaf],
    found: Mapping[int, Leaf],
    wrong: Sequence[int],
    rest: Sequence[str],
) -> str:
    told = [
        f"class {minor:x} is {found.get(minor, 'missing')}, asked {expected.get(minor, 'none')}"
        for minor in wrong[:3]
    ]
    more = len(wrong) + len(rest) - len(told)
    told += [*rest[:3]] if more else []
    return (
        f"{name}: the kernel does not have what was asked ({more + len(told)}): {'; '.join(told)}"
    )
