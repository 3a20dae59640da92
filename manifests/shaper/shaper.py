"""What a shaper's container runs: it waits, and has what shapes its node taken away at the end.

It is the container's first process: orphans become its children, and sessions leave some. It asks
the agent's resident, where there is one, over its socket of the node's network.
"""

import json
import signal
import socket

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is forgotten at once
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
