"""A kernel that does what tc is told, as strictly as the real one, and says where a packet goes."""

from __future__ import annotations

from dataclasses import replace

from fogbed.plan.tc import Leaf, TcDevice
from fogbed.plan.tc_diff import ADD, CHANGE, CLASS, DELETE, NETEM, ROOT, TABLE
from fogbed.plan.tc_filters import DESTINATION, ROOT_TABLE


class Kernel:
    def __init__(self, plan=()):
        self.devices = dict(plan)
        self.netems = {name: set(device.leaves) for name, device in self.devices.items()}

    def do(self, operation):
        name = operation.egress.name
        if operation.what == ROOT:
            self._root(operation, name)
            return
        device = self.devices[name]
        leaves, tables, filters = (
            dict(device.leaves),
            set(device.tables),
            dict(device.filters),
        )
        if operation.what in {CLASS, NETEM}:
            self._leaf(operation, leaves, filters, self.netems[name])
        elif operation.what == TABLE:
            linked = any(each.table == operation.key for each in filters.values())
            inside = any(handle >> 20 == operation.key for handle in filters)
            if operation.verb == ADD:
                assert operation.key not in tables, "exists"
                tables.add(operation.key)
            else:
                assert not linked, "in use"
                assert not inside, "this model has no removal of filters with their table"
                tables.remove(operation.key)
        else:
            self._filter(operation, leaves, tables, filters)
        self.devices[name] = TcDevice(operation.egress, leaves, frozenset(tables), filters)

    def _root(self, operation, name):
        if operation.verb == ADD:
            assert name not in self.devices, "exists"
            self.devices[name] = TcDevice(operation.egress)
            self.netems[name] = set()
        else:
            del self.devices[name]

    def _leaf(self, operation, leaves, filters, netems):
        minor, verb = operation.key, operation.verb
        if verb == DELETE:
            assert operation.what == CLASS
            assert all(each.minor != minor for each in filters.values()), "has filters"
            del leaves[minor]
            netems.discard(minor)
        elif operation.what == CLASS:
            assert (minor in leaves) is (verb == CHANGE)
            rate = operation.leaf().octets_per_s
            leaves[minor] = replace(leaves.get(minor, Leaf()), octets_per_s=rate)
        else:
            assert (minor in netems) is (verb == CHANGE)
            assert minor in leaves
            rate = leaves[minor].octets_per_s
            leaves[minor] = replace(operation.leaf(), octets_per_s=rate)
            netems.add(minor)

    def _filter(self, operation, leaves, tables, filters):
        key, verb, value = operation.key, operation.verb, operation.value
        assert key >> 20 in tables | {ROOT_TABLE}
        if verb == DELETE:
            del filters[key]
            return
        assert (key in filters) is (verb == CHANGE)
        assert not value.table or value.table in tables
        assert not value.minor or value.minor in leaves
        if verb == CHANGE:
            assert filters[key]._replace(minor=value.minor) == value, "what it matches is kept"
        filters[key] = value


def classifier(device):
    """Return what gives the class that a packet is led to: 0 past all, None by no filter.

    As u32_classify does (linux/net/sched/cls_u32.c).
    """
    buckets = {}
    for handle in sorted(device.filters):
        buckets.setdefault(handle >> 12, []).append(device.filters[handle])

    def walk(bucket, source, target):
        for each in buckets.get(bucket, ()):
            field = target if each.offset == DESTINATION else source
            if field & each.mask != each.value:
                continue
            if not each.table:
                return each.minor
            shift = (each.hash_mask & -each.hash_mask).bit_length() - 1
            below = each.table << 8 | (target & each.hash_mask) >> shift
            found = walk(below, source, target)
            if found is not None:
                return found
        return None

    return lambda source, target: walk(ROOT_TABLE << 8, source, target)
