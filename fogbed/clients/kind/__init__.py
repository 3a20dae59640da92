"""The kind command, and the containers that are the nodes of its clusters."""
