"""What an experiment runs: Flink jobs."""
