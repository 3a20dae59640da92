"""Files that name a host and its neighbours: text in, text out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence

BEGIN, END = "# BEGIN fogbed", "# END fogbed"


def hosts_lines(addresses: Mapping[str, str]) -> list[str]:
    """A line per node that is known by its address. A node known by a name needs none."""
    lines = []
    for name, address in sorted(addresses.items()):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        lines.append(f"{address}\t{name}")
    return lines


def hosts_address(host: Mapping[str, object]) -> str:
    """The address of a node, from its variables; role defaults do not count for other hosts."""
    return str(host.get("fogbed_node_ip") or host.get("ansible_host") or "")


def hosts_block(text: str, lines: Sequence[str]) -> str:
    """The text with our block, replaced where it stands, else at the end."""
    old = text.splitlines()
    block = [BEGIN, *lines, END]
    if BEGIN in old and END in old[old.index(BEGIN) :]:
        start = old.index(BEGIN)
        new = [*old[:start], *block, *old[old.index(END, start) + 1 :]]
    else:
        new = [*(line for line in old if line not in (BEGIN, END)), *block]
    return "".join(f"{line}\n" for line in new)


def hosts_own_name(text: str, name: str, old_name: str) -> str:
    """The text with the host's own line, 127.0.1.1, under its name of now.

    An image has it there under the name that all copies share; sudo waits for a name server
    if the host's name is in no line.
    """
    return "".join(_own_line(line, name, old_name) for line in text.splitlines(keepends=True))


def _own_line(line: str, name: str, old_name: str) -> str:
    address, *names = line.partition("#")[0].split() or [""]
    if address != "127.0.1.1" or name in names:
        return line
    # A full name, such as raspberrypi.lan, goes with the short one.
    rest = [other for other in names if other.split(".")[0] not in (old_name, "raspberrypi")]
    return "\t".join([address, " ".join([name, *rest])]) + "\n"


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "hosts_address": hosts_address,
            "hosts_block": hosts_block,
            "hosts_lines": hosts_lines,
            "hosts_own_name": hosts_own_name,
        }
