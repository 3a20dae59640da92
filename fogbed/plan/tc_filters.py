"""Where a packet's destination leads: u32 filters of one device, hashed.

A table per /16 is hashed by the third octet of the destination, one per /24 by the fourth (for
whole addresses only), so that a packet meets a handful of filters whatever the number of peers. In
a bucket what is exempt comes first: u32 tries filters in the order of their handles
(linux/net/sched/cls_u32.c), and a handle here follows from what it is for.

Packed into the agent: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

ROOT_TABLE = 0x800
BUCKETS = 256
"""Buckets of a table: one per value of an octet."""
DIRECT = 0
"""The class of what is exempt: HTB sends it at once (htb_classify, linux/net/sched/sch_htb.c)."""
SOURCE, DESTINATION = 12, 16  # octets into an IPv4 header
MOST_CLASSES = 0x3FFF

_EXEMPT, _LINK, _NETWORK = 0x001, 0x400, 0xC00  # where a bucket's filters of a sort begin
_OF_A_SORT = 0x3FF
_ALL = 0xFFFFFFFF
_OCTETS = 4
_WIDE, _HASHED, _WHOLE = 16, 24, 32
"""Prefixes: the shortest that is hashed, the one with a bucket of its own, an address."""


class Filter(NamedTuple):
    """A u32 filter: ``value`` under ``mask`` at ``offset``, and where it leads.

    ``table`` 0: to the class ``minor`` (DIRECT: past all). Otherwise to the bucket of that table
    which the destination under ``hash_mask`` gives.
    """

    value: int
    mask: int
    minor: int = DIRECT
    offset: int = DESTINATION
    table: int = 0
    hash_mask: int = 0


def classes_of(filters: Mapping[int, Filter]) -> dict[str, int]:
    """Return the class of each network."""
    return {spell(each.value, each.mask): each.minor for each in filters.values() if each.minor}


class Layout:
    """The filters of one device in the making; what is ``installed`` keeps its numbers.

    Tables and the links to them stay once they are there, also when nothing is in them: the kernel
    lets go of a link some time after it was removed, and refuses to remove its table until then.
    """

    def __init__(self, installed: Mapping[int, Filter]) -> None:
        self.filters = {handle: each for handle, each in installed.items() if each.table}
        self.tables = {each.table for each in self.filters.values()}
        self._minors = classes_of(installed)
        self._taken = set(self._minors.values())
        self._given: set[int] = set()
        self._next_minor = 1
        self._numbers = {(each.value, each.mask): each.table for each in self.filters.values()}
        self._root = {
            each: handle & 0xFFF
            for handle, each in installed.items()
            if handle >> 20 == ROOT_TABLE and not each.table
        }

    def minor(self, networks: tuple[str, ...]) -> int:
        """Return the class for a peer: the one that a network of its has already, or a free one."""
        kept = [self._minors[network] for network in networks if network in self._minors]
        minor = next((each for each in kept if each not in self._given), 0)
        if not minor:
            while self._next_minor in self._taken:
                self._next_minor += 1
            minor = self._next_minor
            self._taken.add(minor)
        if minor > MOST_CLASSES:
            raise ValueError(f"more than {MOST_CLASSES} peers behind one device")
        self._given.add(minor)
        return minor

    def exempt_source(self, value: int, mask: int) -> None:
        """Let what comes from these addresses pass."""
        self._add_to_root(_EXEMPT, Filter(value, mask, offset=SOURCE))

    def lead(self, networks: tuple[str, ...], hosts: tuple[str, ...], minor: int) -> None:
        """Lead what goes to ``networks`` to a class, except what goes to ``hosts``."""
        exempt = collapse(hosts)
        for network in networks:
            value, length = parse(network)
            mask = mask_of(length)
            inside = [each for each in exempt if each[0] & mask == value]
            if length < _WIDE:
                for each in inside:
                    self._add_to_root(_EXEMPT, Filter(*each))
                self._add_to_root(_NETWORK, Filter(value, mask, minor))
                continue
            table = self._table(value, _WIDE, ROOT_TABLE << 20)
            for each in inside:
                handle = table << 20 | (each[0] >> 8 & 0xFF) << 12 | _EXEMPT + (each[0] & 0xFF)
                self.filters[handle] = Filter(*each)
            self._add_network(Filter(value, mask, minor), length, table)

    def _add_network(self, leading: Filter, length: int, table: int) -> None:
        third, fourth = leading.value >> 8 & 0xFF, leading.value & 0xFF
        if length == _WHOLE:
            below = self._table(leading.value, _HASHED, table << 20 | third << 12)
            self.filters[below << 20 | fourth << 12 | _NETWORK] = leading
            return
        for bucket in range(third, third + (1 << max(0, _HASHED - length))):
            self.filters[table << 20 | bucket << 12 | _NETWORK + fourth] = leading

    def _table(self, value: int, length: int, above: int) -> int:
        """Return the table of a /16 or /24, with a link to it in the bucket ``above``."""
        mask = mask_of(length)
        key = (value & mask, mask)
        number = self._numbers.get(key)
        if number is None:
            taken = set(self._numbers.values())
            number = next((one for one in range(1, ROOT_TABLE) if one not in taken), 0)
            if not number:
                raise ValueError(f"networks in more than {ROOT_TABLE - 1} different /16 or /24")
            self._numbers[key] = number
        if number not in self.tables:
            self.tables.add(number)
            place = _LINK + number if above >> 20 == ROOT_TABLE else _LINK
            hash_mask = 0xFF << (_HASHED - length)
            self.filters[above | place] = Filter(*key, table=number, hash_mask=hash_mask)
        return number

    def _add_to_root(self, begin: int, each: Filter) -> None:
        node = self._root.get(each)
        if node is None:
            taken = set(self._root.values())
            node = next((one for one in range(begin, begin + _OF_A_SORT) if one not in taken), 0)
            if not node:
                raise ValueError("more than 1023 prefixes that are too wide for hashing")
            self._root[each] = node
        self.filters[ROOT_TABLE << 20 | node] = each


@lru_cache(maxsize=8192)
def parse(network: str) -> tuple[int, int]:
    """Return ("10.244.2.0/24") as a number and the length of its prefix.

    Raises:
        ValueError: it is not an IPv4 network.
    """
    address, slash, length = network.partition("/")
    try:
        # a node reads a thousand peers' networks: ipaddress takes three times as long
        octets = bytes(map(int, address.split(".")))
        bits = int(length) if slash else _WHOLE
    except ValueError:
        raise ValueError(f"not an IPv4 network: {network}") from None
    if len(octets) != _OCTETS or address != ".".join(map(str, octets)):
        raise ValueError(f"not an IPv4 network: {network}")
    value = int.from_bytes(octets, "big")
    if not 0 <= bits <= _WHOLE or value & ~mask_of(bits) & _ALL:
        raise ValueError(f"not an IPv4 network: {network}")
    return value, bits


def spell(value: int, mask: int) -> str:
    """Return a prefix as "10.244.2.0/24"."""
    octets = ".".join(str(value >> shift & 0xFF) for shift in (24, 16, 8, 0))
    return f"{octets}/{_LENGTHS[mask]}"


def mask_of(length: int) -> int:
    """Return the mask of a prefix as a number."""
    return _ALL << (_WHOLE - length) & _ALL


def collapse(hosts: Iterable[str]) -> list[tuple[int, int]]:
    """Return addresses as the fewest (value, mask) that are exactly them, up to a /24 each."""
    level = {parse(host)[0] for host in hosts}
    found = []
    length = _WHOLE
    while len(level) > 1:
        size = 1 << (_WHOLE - length)
        lower = {each for each in level if not each & size and each + size in level}
        if length == _HASHED:
            lower = set()
        alone = level.difference(lower, (each + size for each in lower))
        found += [(each, mask_of(length)) for each in alone]
        level = lower
        length -= 1
    found += [(each, mask_of(length)) for each in level]
    return sorted(found)


_LENGTHS = {mask_of(length): length for length in range(_WHOLE + 1)}
