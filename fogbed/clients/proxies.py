"""Which proxy is on the way to an address, as Go's programs and so kubectl read it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> str:
    """Return the URL of the proxy for an address, or nothing: it is reached directly.

    ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the scheme, unless ``NO_PROXY`` has the address: names
    with everything below them, addresses, networks (``10.0.0.0/8``), ``*``. This computer needs
    none ever.
    """
    proxy = _value(environment, f"{scheme}_proxy")
    if not proxy or _is_here(host):
        return ""
    left_out = (each.strip() for each in _value(environment, "no_proxy").split(","))
    if any(each and _covers(each, host, port) for each in left_out):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if address is not None and (same := _address(entry)) is not None:
        return same == address
    name, _, of_port = entry.partition(":")
    if of_port and of_port != str(port):
        return False
    name = name.removeprefix("*").lower()
    return host.lower() == name or host.lower().endswith(f".{name.removeprefix('.')}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
