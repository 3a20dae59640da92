"""What a run hands over to the testbed's Prometheus while it goes on: the samples it records."""
