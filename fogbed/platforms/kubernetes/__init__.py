"""What testbeds on Kubernetes share: on Pis, on kind, and in a cluster that is already there."""
