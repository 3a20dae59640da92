"""What every platform on Kubernetes shares: the stack, its agents, and how it is reached."""
