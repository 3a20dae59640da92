"""Which hosts of a network answer on SSH's port: their greeting, who made their network card."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import psutil

from fogbed.clients.progress import Progress
from fogbed.errors import UsageError

_PORT = 22
_LARGEST = 20  # bits of the network's part: 4096 addresses
_CONNECT_S, _GREETING_S = 1.0, 2.0
_AT_ONCE = 256
_GREETING = re.compile(rb"SSH-[0-9.]+-[ -~]+")
# The beginnings of MAC addresses that the makers of the Raspberry Pi have at the IEEE.
_RASPBERRY_PI = (
    "28:cd:c1", "2c:cf:67", "88:a2:9e", "b8:27:eb", "d8:3a:dd", "dc:a6:32", "e4:5f:01",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine that greeted. ``mac`` is known only of machines in the same network."""

    address: str
    greeting: str
    mac: str = ""

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether the maker of the network card says so."""
        return self.mac.startswith(_RASPBERRY_PI)


def parse_network(text: str) -> ipaddress.IPv4Network:
    """Return the network to scan.

    Raises:
        UsageError: it is none, or too large to knock at every door.
    """
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError as error:
        hint = "write one like 192.168.1.0/24"
        raise UsageError(f"{text} is not an IPv4 network: {error}", hint=hint) from None
    if network.prefixlen < _LARGEST:
        raise UsageError(
            f"{network} has {network.num_addresses} addresses, too many to try them all",
            hint=f"name the part that the machines are in, at most a /{_LARGEST}",
        )
    return network


def scan(network: ipaddress.IPv4Network, progress: Progress, *, port: int = _PORT) -> list[Host]:
    """Return the hosts of a network that greet as an SSH server does, by address; not this one."""
    own = {each.address for addresses in psutil.net_if_addrs().values() for each in addresses}
    doors = [str(address) for address in network.hosts() if str(address) not in own]
    greetings: dict[str, str] = {}
    with progress.step(f"knocking at {len(doors)} addresses", total=len(doors)) as step:
        for done, (address, greeting) in enumerate(_knock_all(doors, port), 1):
            if greeting:
                greetings[address] = greeting
            step.advance(done, f"{len(greetings)} found")
    macs = parse_arp(_arp_table())
    return [
        Host(address=address, greeting=greetings[address], mac=macs.get(address, ""))
        for address in sorted(greetings, key=ipaddress.IPv4Address)
    ]


def parse_arp(table: str) -> dict[str, str]:
    """Return the MACs by address of /proc/net/arp; see arp(7). What did not answer has zeros."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[0]: row[3].lower() for row in rows if row[3:] and row[3].strip("0:")}


def _arp_table() -> str:
    try:
        return Path("/proc/net/arp").read_text(encoding="ascii")
    except OSError:
        return ""


def _knock_all(doors: list[str], port: int) -> Iterator[tuple[str, str]]:
    if not doors:
        return
    pool = ThreadPoolExecutor(min(_AT_ONCE, len(doors)))
    try:
        knocks = {pool.submit(_greeting, door, port): door for door in doors}
        for knock in as_completed(knocks):
            yield knocks[knock], knock.result()
    finally:
        # after Ctrl-C nobody waits for those that have not begun
        pool.shutdown(wait=True, cancel_futures=True)


def _greeting(address: str, port: int) -> str:
    try:
        with socket.create_connection((address, port), timeout=_CONNECT_S) as connection:
            connection.settimeout(_GREETING_S)
            found = _GREETING.match(connection.recv(255))
    except OSError:
        return ""
    return found[0].decode() if found else ""
