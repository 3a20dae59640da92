"""The truth of the emulation: who delays what, carried out, counted and measured.

How a keeper gives its nodes a network::

    from fogbed.network.namespaces import create_namespace, inside
    from fogbed.network.ports import best_port_kind, open_port

    kind = best_port_kind()                        # one kind for all ports of a fabric
    namespaces = {node: create_namespace() for node in nodes}   # descriptors; closing one frees it
    ports = [
        open_port(kind, namespaces[node], node=node, address="10.77.1.2/24") for node in nodes
    ]                                              # makes device fog0, brings lo up as well
    memory = os.memfd_create("fabric")             # what the next fabric goes on with
    subprocess.Popen(
        [sys.executable, "-m", "fogbed.network.fabric", "--control", str(socket_path)]
        + ["--memory", str(memory)]
        + [word for port in ports for word in ("--port", port.argument())],
        pass_fds=[memory, *(port.fd for port in ports)],
    )                                              # serving as soon as socket_path exists (0600)

Then ``fabric_client.FabricEmulator(socket_path)`` is the testbed's ``LinkEmulator``. The keeper
keeps the ports and the memory open: should a fabric die, another one that is started the same way
has the same impairments in force from its first packet (SIGTERM ends one). A ``packet`` port's
outer end stands in the namespace of the thread that opened it, and the fabric must run there; a
``tun`` port has none. A process gets into a node with ``inside(namespace)`` before the fork, or
from outside with ``nsenter --net=/proc/KEEPER/fd/N``.
"""
