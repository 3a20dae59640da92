"""What a shaper's container runs: it waits, and has what shapes its node taken away at the end.

It is the container's first process: orphans become its children, and sessions leave some. It asks
the agent's resident, where there is one, over its socket of the node's network. Where there is none
at its start, queues with the agent's handle are what a container left that was killed as a whole
(by memory.oom.group, as kubelets have it since 1.28): nobody has them in hand, and they go.
"""

import json
import signal
import socket
import struct
import time
from pathlib import Path

RECORDS = Path("/run/fogbed")
DELETE_QDISC, ACKNOWLEDGED = 37, 0x5  # RTM_DELQDISC, NLM_F_REQUEST | NLM_F_ACK (linux/rtnetlink.h)
ROOT, OURS = 0xFFFFFFFF, 0xF06B0000  # of no other handle the kernel removes it


def take_away_what_is_left() -> None:
    """Remove the agent's queues from every device, unless a resident serves; keep why."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as place:
        try:
            place.bind("\0fogbed-links")
        except OSError:
            return
        left = [name for index, name in socket.if_nameindex() if removed(index)]
    if left:
        print(f"what a killed container left is taken away: {', '.join(left)}", flush=True)
    for path in RECORDS.glob("links-*.json"):
        in_force = json.loads(path.read_text(encoding="utf-8")).get("in_force")
        if in_force:
            why = "the shaper's container was killed; the next one cleared"
            told = {**in_force, "at": time.time(), "why": why, "problems": []}
            path.write_text(json.dumps({"cleared": told}), encoding="utf-8")


def removed(index: int) -> bool:
    """Tell whether the device had the agent's queues at its root."""
    body = struct.pack("=BxxxiIII", 0, index, OURS, ROOT, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(body), DELETE_QDISC, ACKNOWLEDGED, 1, 0) + body)
        return struct.unpack_from("=i", kernel.recv(65536), 16)[0] == 0


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is forgotten at once
try:
    take_away_what_is_left()
except (OSError, ValueError) as error:
    print(f"what a killed container may have left is there still: {error}", flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
who = {"controller": "the end of the shaper's pod", "force": True}
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as resident:
    resident.settimeout(20)
    try:
        resident.connect("\0fogbed-links")
        resident.sendall(json.dumps({"do": "clear", "with": who}).encode() + b"\n")
        print(resident.recv(65536).decode(errors="replace"), flush=True)
    except OSError as error:
        print(f"nothing was in force that could be cleared: {error}", flush=True)
