"""Real nodes: who shapes what on which, by one agent on each.

    places of nodes + a plan -> a row for each node -> its agent, as root in the node's own network

The channels go around the emulated network, which is the pods'.
"""
