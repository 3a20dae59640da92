"""The truth of the emulation: who delays what, carried out, counted and measured.

How a keeper gives its nodes a network::

    from fogbed.network.joined import Place, join
    from fogbed.network.namespaces import create_namespace, inside

    namespaces = {node: create_namespace() for node in nodes}   # descriptors; closing one frees it
    joined = join(                                 # "fabric", or "tc" where the kernel has netem
        "fabric", [Place(node, "10.77.1.2/24", namespaces[node]) for node in nodes]
    )                                              # makes device fog0, brings lo up as well
    memory = os.memfd_create("emulation")          # what the next process goes on with
    subprocess.Popen(
        joined.argv(socket_path, memory), pass_fds=[memory, *joined.descriptors]
    )                                              # serving as soon as socket_path exists (0600)

Then ``fabric_client.FabricEmulator(socket_path, "fabric")`` is the testbed's ``LinkEmulator``. The
keeper keeps the descriptors and the memory open: should a process die, another one that is started
the same way has the same impairments in force (SIGTERM ends one): a fabric from its first packet,
tc without a change where the kernel went on. A ``packet`` port's outer end stands in the namespace
of the thread that opened it, and the fabric must run there, as do the outer ends of what the kernel
joins; a ``tun`` port has none. A process gets into a node with ``inside(namespace)`` before the
fork, or from outside with ``nsenter --net=/proc/KEEPER/fd/N``.
"""
