"""The agent: what fogbed does on a node. Standard library only, Python >= 3.9.

Its modules, and what they import of fogbed, are packed into one program (``network/agent_pack.py``)
that is sent through the channel at connection: nothing is installed on a node. What is packed is
imported there by the names that it has here; packages are empty there, this one too.
"""
