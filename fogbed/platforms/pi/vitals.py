"""What ``status`` asks of the nodes themselves, all at once: heat, throttling, certificates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fogbed.errors import CommandError
from fogbed.network.agent.throttling import flags
from fogbed.platforms.pi.reach import ssh
from fogbed.platforms.pi.reach.refusals import explain
from fogbed.spec.testbed import Testbed

_TIMEOUT_S = 15.0
_AT_ONCE = 32
# One line each: millidegrees, the firmware's flags, the first end of a certificate.
_SCRIPT = """\
echo heat $(cat /sys/class/thermal/thermal_zone0/temp 2>/dev/null)
echo flags $(vcgencmd get_throttled 2>/dev/null)
for pem in /etc/kubernetes/pki/*.crt; do
  test -r "$pem" && echo ends $(openssl x509 -noout -enddate -in "$pem" 2>/dev/null)
done
true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a node said. ``problem``: why it said nothing."""

    temperature_c: float | None = None
    throttled: str = ""
    certificate_ends: dt.datetime | None = None
    problem: str = ""


def read_vitals(testbed: Testbed) -> dict[str, Vitals]:
    """Return the vitals of every node by name; a node that is down has a problem, not an error."""
    names = [node.name for node in testbed.nodes]
    with ThreadPoolExecutor(min(_AT_ONCE, len(names))) as pool:
        return dict(zip(names, pool.map(lambda name: _ask(testbed, name), names), strict=True))


def _ask(testbed: Testbed, node: str) -> Vitals:
    try:
        outcome = ssh.channel(testbed, node).run(["sh", "-s"], timeout_s=_TIMEOUT_S, stdin=_SCRIPT)
    except CommandError as error:
        return Vitals(problem=error.message)
    if outcome.returncode != 0:
        return Vitals(problem=explain(outcome.stderr, node)[0])
    return parse_vitals(outcome.stdout)


def parse_vitals(text: str) -> Vitals:
    """Return what the script's lines say."""
    lines = [line.partition(" ") for line in text.splitlines()]
    said = {word: rest for word, _, rest in lines if rest}
    ends = [end for word, _, rest in lines if word == "ends" for end in _date(rest)]
    return Vitals(
        temperature_c=int(said["heat"]) / 1000 if said.get("heat", "").isdigit() else None,
        throttled=", ".join(flags(said.get("flags", "").partition("throttled=")[2])),
        certificate_ends=min(ends, default=None),
    )


def _date(text: str) -> Iterator[dt.datetime]:
    _, _, value = text.partition("notAfter=")
    try:
        found = dt.datetime.strptime(f"{value} +0000", "%b %d %H:%M:%S %Y GMT %z")
    except ValueError:
        return
    yield found
