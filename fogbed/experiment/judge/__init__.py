"""What a run comes to: what was recorded of it, and what must hold."""
